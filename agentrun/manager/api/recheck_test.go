package api_test

import (
	"testing"
	"time"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
)

// The streams of a token that was revoked or has expired end; others go on.
func TestStreamsEndWithTheirToken(t *testing.T) {
	t.Parallel() // it waits
	r := start(t)
	id, pod := r.running()
	staying := r.stream(id, 3)
	defer staying.Close()
	for _, name := range []string{"revoked", "expired"} {
		token, value, err := r.store.CreateToken(t.Context(), store.Token{Name: name, Project: "shop", Scopes: []string{store.ReadRuns}, ExpiresAt: new(time.Now().Add(time.Hour))})
		if err != nil {
			t.Fatal(err)
		}
		user := r.user
		r.user = value
		s := r.stream(id, 3)
		r.user = user
		if name == "revoked" {
			err = r.store.RevokeToken(t.Context(), token.ID)
		} else { // as if an hour had gone by
			_, err = r.store.Pool.Exec(t.Context(), "update tokens set expires_at = now() where id = $1", token.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		stuck := time.AfterFunc(time.Minute, s.Close)
		if e, ok := s.next(); ok {
			t.Errorf("%s: %+v", name, e)
		}
		if !stuck.Stop() {
			t.Errorf("%s: the stream goes on", name)
		}
		s.Close()
		refused(t, r.do("GET", "/v1/runs/"+id+"/events", value, nil, "Accept", "text/event-stream"), 401, "token_unknown")
	}
	r.do("POST", "/runner/v1/events", pod, report(1, 1))
	if e, ok := staying.next(); !ok || e.id != 4 {
		t.Errorf("the other's stream: %+v", e)
	}
}
