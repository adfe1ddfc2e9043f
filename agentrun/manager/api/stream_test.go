package api_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/scratch"
)

// sse is one frame of a stream.
type sse struct {
	id   int64
	kind string
	data string
}

type sseStream struct {
	t    testing.TB
	resp *http.Response
	in   *bufio.Reader
}

// stream opens a stream that begins after that event.
func (r *replica) stream(id string, after int64) *sseStream {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), "GET", r.url+"/v1/runs/"+id+"/events", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Authorization", "Bearer "+r.user)
	if after > 0 {
		req.Header.Set("Last-Event-ID", strconv.FormatInt(after, 10))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	if resp.StatusCode == 503 && resp.Header.Get("Retry-After") == "1" { // Postgres restarts
		resp.Body.Close()
		time.Sleep(10 * time.Millisecond)
		return r.stream(id, after)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		r.t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	return &sseStream{r.t, resp, bufio.NewReader(resp.Body)}
}

func (s *sseStream) Close() { s.resp.Body.Close() }

// next gives the next frame that is an event, or false when the stream ends, which it
// must do cleanly.
func (s *sseStream) next() (sse, bool) {
	var e sse
	for {
		line, err := s.in.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			return sse{}, false
		}
		if err != nil {
			s.t.Errorf("the stream broke: %v", err)
			return sse{}, false
		}
		switch name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); name {
		case "id":
			e.id, err = strconv.ParseInt(value, 10, 64)
			if err != nil {
				s.t.Error(err)
			}
		case "event":
			e.kind = value
		case "data":
			e.data = value
		case "":
			if e.kind != "" {
				return e, true
			}
		case "retry":
		default:
			s.t.Errorf("a line %q", line)
		}
	}
}

// follow reads a run to its end, over as many streams as it takes, and wants every
// event once and in order. After each event it asks cut whether to begin again, and
// where.
func follow(t *testing.T, id string, from *replica, cut func() *replica) (texts []string) {
	t.Helper()
	last := int64(0)
	for {
		s := from.stream(id, last)
		again := false
		for !again {
			e, ok := s.next()
			if !ok {
				if next := cut(); next != nil { // the replica wants its readers to go on elsewhere
					from = next
				}
				break
			}
			if e.kind == "end" {
				s.Close()
				return texts
			}
			if e.id != last+1 {
				t.Errorf("event %d follows on %d", e.id, last)
			}
			last = e.id
			var event run.Event
			if err := json.Unmarshal([]byte(e.data), &event); err != nil || event.Seq != e.id || string(event.Type) != e.kind || event.RunID != id {
				t.Errorf("%v: %+v", err, e)
			}
			if event.Type == run.Message {
				var d run.TextData
				if err := json.Unmarshal(event.Data, &d); err != nil {
					t.Error(err)
				}
				texts = append(texts, d.Text)
			}
			if next := cut(); next != nil {
				from, again = next, true
			}
		}
		s.Close()
	}
}

func wantNumbers(t *testing.T, texts []string, n int) {
	t.Helper()
	for i, s := range texts {
		if s != fmt.Sprint(i+1) {
			t.Fatalf("message %d says %s", i+1, s)
		}
	}
	if len(texts) != n {
		t.Fatalf("%d messages, want %d", len(texts), n)
	}
}

// Readers of two replicas, cut at random and resumed at random, have every event
// once and in order, wherever the runner reports to.
func TestStreamsAreWholeWhateverIsCut(t *testing.T) {
	dsn := newDatabase(t)
	replicas := [2]*replica{startAt(t, dsn), startAt(t, dsn)}
	replicas[1].user = replicas[0].user
	const runs, n = 6, 120
	var all sync.WaitGroup
	for i := range runs {
		id, pod := replicas[0].running()
		for reader := range 2 {
			all.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(i), uint64(reader)))
				texts := follow(t, id, replicas[rng.IntN(2)], func() *replica {
					if rng.IntN(10) > 0 {
						return nil
					}
					return replicas[rng.IntN(2)]
				})
				wantNumbers(t, texts, n)
			})
		}
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 99))
			for next := 1; next <= n; {
				first := max(1, next-rng.IntN(3)) // some are sent again
				batch := report(first, min(1+rng.IntN(12), n+1-first))
				a, err := replicas[rng.IntN(2)].try("POST", "/runner/v1/events", pod, batch)
				if err != nil || a.status != 200 {
					t.Errorf("%v %v", a, err)
					return
				}
				next = int(want[run.Receipt](t, a, 200).NextEvent)
				if rng.IntN(10) == 0 {
					time.Sleep(time.Duration(rng.IntN(30)) * time.Millisecond)
				}
			}
			if a, err := replicas[rng.IntN(2)].try("POST", "/runner/v1/finish", pod, run.Ending{State: run.Succeeded}); err != nil || a.status != 200 {
				t.Errorf("%v %v", a, err)
			}
		})
	}
	all.Wait()
}

func TestAStreamOfARunThatHasEnded(t *testing.T) {
	r := start(t)
	id := r.submit().ID
	want[run.Run](t, r.do("POST", "/v1/runs/"+id+"/cancel", r.user, nil), 202)
	for after, kinds := range map[int64]string{0: "run.state run.state end", 1: "run.state end", 2: "end", 99: "end"} {
		s := r.stream(id, after)
		var got []string
		for {
			e, ok := s.next()
			if !ok {
				break
			}
			got = append(got, e.kind)
		}
		s.Close()
		if strings.Join(got, " ") != kinds {
			t.Errorf("after %d: %v", after, got)
		}
	}
	for _, bad := range []string{"x", "-1", "1.5", "99999999999999999999"} {
		refused(t, r.do("GET", "/v1/runs/"+id+"/events", r.user, nil, "Accept", "text/event-stream", "Last-Event-ID", bad), 422, "invalid")
	}
}

// A replica that goes ends its streams, and their readers go on at another one.
func TestDrainingEndsStreams(t *testing.T) {
	dsn := newDatabase(t)
	going, staying := startAt(t, dsn), startAt(t, dsn)
	staying.user = going.user
	id, pod := going.running()
	done := make(chan []string, 1)
	reading := make(chan struct{}, 1)
	var closed atomic.Bool
	go func() {
		done <- follow(t, id, going, func() *replica {
			select {
			case reading <- struct{}{}:
			default:
			}
			if closed.Load() {
				return staying
			}
			return nil
		})
	}()
	<-reading
	closed.Store(true)
	going.hub.Close()
	s := going.stream(id, 0) // whoever still comes is sent on as well
	for {
		if e, ok := s.next(); !ok {
			break
		} else if e.kind == "end" {
			t.Error("the run is said to have ended")
		}
	}
	s.Close()
	want[run.Receipt](t, staying.do("POST", "/runner/v1/events", pod, report(1, 3)), 200)
	want[run.Receipt](t, staying.do("POST", "/runner/v1/finish", pod, run.Ending{State: run.Succeeded}), 200)
	wantNumbers(t, <-done, 3)
}

// A reader that never reads is cut off; the others do not notice.
func TestAReaderThatDoesNotRead(t *testing.T) {
	t.Parallel()
	r := start(t)
	id, pod := r.running()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET /v1/runs/%s/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer %s\r\n\r\n", id, r.user); err != nil {
		t.Fatal(err)
	}
	wait(t, func() bool { return r.metric("agentrun_event_readers") == "1" })
	done := make(chan []string, 1)
	go func() { done <- follow(t, id, r, func() *replica { return nil }) }()
	const n = 240 // of 60 kB: more than the kernel keeps
	big := report(1, 1)
	big.Events[0].Data = []byte(`{"itemId":"` + strings.Repeat("x", 60<<10) + `","text":"1"}`)
	for i := range n {
		big.First = int64(i + 1)
		big.Events[0].Data = []byte(strings.Replace(string(big.Events[0].Data), fmt.Sprintf(`"text":"%d"`, i), fmt.Sprintf(`"text":"%d"`, i+1), 1))
		want[run.Receipt](t, r.do("POST", "/runner/v1/events", pod, big), 200)
	}
	want[run.Receipt](t, r.do("POST", "/runner/v1/finish", pod, run.Ending{State: run.Succeeded}), 200)
	wantNumbers(t, <-done, n)
	wait(t, func() bool { return r.metric("agentrun_event_readers_cut_total") == "1" })
	wait(t, func() bool { return r.metric("agentrun_event_readers") == "0" })
}

// metric is the value of a metric without labels.
func (r *replica) metric(name string) string {
	r.t.Helper()
	for line := range strings.Lines(string(r.do("GET", "/metrics", "", nil).body)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func wait(t *testing.T, until func() bool) {
	t.Helper()
	for range 3000 {
		if until() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("it never came to pass")
}

// Streams outlive Postgres, and so does what runners report meanwhile.
func TestPostgresRestartsUnderStreams(t *testing.T) {
	t.Parallel()
	newDatabase(t) // skips when there is no Postgres
	p, err := scratch.StartPostgres(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	replicas := [2]*replica{startAt(t, p.DSN), startAt(t, p.DSN)}
	replicas[1].user = replicas[0].user
	const n = 200
	id, pod := replicas[0].running()
	var all sync.WaitGroup
	for i := range 2 {
		all.Go(func() { wantNumbers(t, follow(t, id, replicas[i], func() *replica { return nil }), n) })
	}
	restarted := make(chan struct{})
	halfway := make(chan struct{})
	go func() {
		<-halfway
		if err := errors.Join(p.Stop(), p.Start(t.Context())); err != nil {
			t.Error(err)
		}
		close(restarted)
	}()
	unavailable := 0
	send := func(path string, body any) run.Receipt {
		for {
			a := replicas[0].do("POST", path, pod, body)
			if a.status == 200 {
				return want[run.Receipt](t, a, 200)
			}
			if refused(t, a, 503, "unavailable"); t.Failed() {
				t.FailNow()
			}
			if unavailable++; a.header.Get("Retry-After") != "1" {
				t.Errorf("%v", a.header)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	for next := int64(1); next <= n; {
		if next == n/2+1 {
			close(halfway)
			wait(t, func() bool { // until somebody is told
				a := replicas[0].do("POST", "/runner/v1/heartbeat", pod, nil)
				select {
				case <-restarted:
					return true
				default:
					return a.status == 503
				}
			})
		}
		next = send("/runner/v1/events", report(int(next), 5)).NextEvent
	}
	send("/runner/v1/finish", run.Ending{State: run.Succeeded})
	all.Wait()
	<-restarted
}

func TestWhilePostgresIsAway(t *testing.T) {
	newDatabase(t) // skips when there is no Postgres
	p, err := scratch.StartPostgres(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	r := startAt(t, p.DSN)
	id, pod := r.running()
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range [][3]string{
		{"POST", "/v1/runs", r.user},
		{"GET", "/v1/runs", r.user},
		{"GET", "/v1/runs/" + id, r.user},
		{"GET", "/v1/runs/" + id + "/events", r.user},
		{"POST", "/v1/runs/" + id + "/cancel", r.user},
		{"GET", "/v1/profiles", r.user},
		{"GET", "/v1/tokens", r.admin},
		{"POST", "/runner/v1/claim", pod},
		{"POST", "/runner/v1/heartbeat", pod},
	} {
		a := r.do(tt[0], tt[1], tt[2], nil)
		refused(t, a, 503, "unavailable")
		if a.header.Get("Retry-After") == "" {
			t.Errorf("%v", a.header)
		}
	}
	refused(t, r.do("POST", "/runner/v1/events", pod, report(1, 1)), 503, "unavailable")
	refused(t, r.do("PUT", "/runner/v1/artifacts/x", pod, "x"), 503, "unavailable")
	refused(t, r.do("POST", "/runner/v1/finish", pod, run.Ending{State: run.Succeeded}), 503, "unavailable")
	if a := r.do("GET", "/metrics", "", nil); a.status != 200 || strings.Contains(string(a.body), "agentrun_runs{") || !strings.Contains(string(a.body), `operation="claim",status="503"`) {
		t.Errorf("%d", a.status)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	want[run.Receipt](t, r.do("POST", "/runner/v1/events", pod, report(1, 1)), 200)
	if a := r.do("GET", "/metrics", "", nil); !strings.Contains(string(a.body), `agentrun_runs{state="running"} 1`) {
		t.Errorf("%s", a.body)
	}
}
