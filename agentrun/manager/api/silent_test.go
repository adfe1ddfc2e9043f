package api_test

import (
	"testing"

	"github.com/pikasTech/agentrun/agentrun/manager/storetest"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// A machine that Postgres ran on is gone, and all connections to it are open. Streams go
// on by themselves with the one that has taken its place.
func TestStreamsGoOnWhenPostgresFallsSilent(t *testing.T) {
	t.Parallel() // it waits
	dsn := newDatabase(t)
	cfg := databaseAt(t, dsn)
	fall := storetest.Silence(cfg)
	here, there := startWith(t, cfg), startAt(t, dsn)
	id, pod := there.running()
	s := here.stream(id, 2)
	defer s.Close()
	if e, ok := s.next(); !ok || e.id != 3 {
		t.Fatalf("%+v", e)
	}
	fall()
	want[run.Receipt](t, there.do("POST", "/runner/v1/events", pod, report(1, 3)), 200)
	for n := range int64(3) {
		if e, ok := s.next(); !ok || e.id != 4+n {
			t.Fatalf("%+v", e)
		}
	}
}
