package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pikasTech/agentrun/agentrun/client"
)

// said is how the manager says the events from first to last; the event number
// end, if it is among them, ends the run.
func said(first, last, end int) string {
	var b strings.Builder
	for i := first; i <= last; i++ {
		kind, data := "warning", fmt.Sprintf(`{"text":"%d"}`, i)
		if i == end {
			kind, data = "run.state", `{"state":"failed","reason":"agent_error"}`
		}
		fmt.Fprintf(&b, "id: %d\nevent: %s\ndata: {\"seq\":%d,\"runId\":\"r1\",\"type\":%q,\"data\":%s}\n\n", i, kind, i, kind, data)
	}
	return b.String()
}

// seen are the numbers of the events that a watch gives, and its error.
func seen(ctx context.Context, c *client.Client, after int64) (seqs []int64, last error) {
	for e, err := range c.Watch(ctx, "r1", after) {
		if err != nil {
			return seqs, err
		}
		seqs = append(seqs, e.Seq)
	}
	return seqs, nil
}

func TestWatch(t *testing.T) {
	tests := []struct {
		name  string
		after int64
		days  []day
		want  []int64
		froms string // where each connection began
		err   string
	}{
		{"to the end", 0, []day{events(": hello\n\n"+said(1, 3, 3), true)}, []int64{1, 2, 3}, "0", ""},
		{"end by the stream's word", 2, []day{events("event: end\ndata: {}\n\n", true)}, nil, "2", ""},
		{"from the middle", 5, []day{events(said(6, 7, 7), true)}, []int64{6, 7}, "5", ""},
		{"comes back where it was", 0, []day{
			events(said(1, 2, 9), false), broken(errReset), problem(503, "draining"), events(said(3, 4, 4), true),
		}, []int64{1, 2, 3, 4}, "0 2 2 2", ""},
		{"an event that is cut off", 0, []day{
			events(said(1, 1, 9)+"id: 2\ndata: {\"seq\":2,", false), events(said(2, 2, 2), true),
		}, []int64{1, 2}, "0 1", ""},
		{"each event once", 0, []day{events(said(1, 3, 9)+said(2, 4, 9)+said(1, 5, 5), true)}, []int64{1, 2, 3, 4, 5}, "0", ""},
		{"a gap", 0, []day{
			events(said(1, 2, 9)+said(4, 5, 5), true), events(said(3, 5, 5), true),
		}, []int64{1, 2, 3, 4, 5}, "0 2", ""},
		{"a gap that stays", 0, []day{
			events(said(1, 2, 9)+said(4, 5, 5), true), events(said(4, 5, 5), true),
		}, []int64{1, 2}, "0 2", "events are missing"},
		{"silence", 0, []day{
			events(said(1, 1, 9), true), events(said(2, 2, 2), true),
		}, []int64{1, 2}, "0 1", ""},
		{"no such run", 0, []day{problem(404, "not_found")}, nil, "0", "(not_found)"},
		{"the token is revoked meanwhile", 0, []day{events(said(1, 1, 9), false), problem(401, "unauthorized")}, []int64{1}, "0 1", "(unauthorized)"},
		{"another kind of answer", 0, []day{answer(200, `{"events":[]}`)}, nil, "0", "not a stream"},
		{"not JSON", 0, []day{events("data: {\n\n", true)}, nil, "0", "not what this client knows"},
		{"a message without end", 0, []day{events("data: "+strings.Repeat("x", 2<<20), true)}, nil, "0", "too long"},
		{"many lines without end", 0, []day{events(strings.Repeat("data: "+strings.Repeat("x", 1000)+"\n", 2000), true)}, nil, "0", "too long"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s := through(t, tt.days...)
				got, err := seen(t.Context(), c, tt.after)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
				if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				var froms []string
				for _, r := range s.asked {
					froms = append(froms, r.Header.Get("Last-Event-ID"))
					if r.Header.Get("Accept") != "text/event-stream" || r.URL.Path != "/base/v1/runs/r1/events" {
						t.Errorf("asked for %s as %s", r.URL, r.Header.Get("Accept"))
					}
				}
				if got := strings.Join(froms, " "); got != tt.froms {
					t.Errorf("began at %s, want %s", got, tt.froms)
				}
			})
		})
	}
}

func TestWatchGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		days := []day{events(said(1, 1, 9), false)}
		for range 8 {
			days = append(days, problem(503, "draining", "Retry-After", "9"))
		}
		c, _ := through(t, days...)
		began := time.Now()
		if got, err := seen(t.Context(), c, 0); len(got) != 1 || err == nil || !strings.Contains(err.Error(), "draining") {
			t.Errorf("got %v, %v", got, err)
		}
		if took := time.Since(began); took < time.Minute || took > 2*time.Minute {
			t.Errorf("gave up after %v", took)
		}
	})
}

func TestWatchStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := through(t, events(said(1, 3, 9), true))
		for range c.Watch(t.Context(), "r1", 0) {
			break
		}
		if s.asked[0].Context().Err() == nil {
			t.Error("the connection is still there")
		}
		ctx, cancel := context.WithCancel(t.Context())
		c, _ = through(t, events(said(1, 3, 9), true))
		time.AfterFunc(time.Second, cancel)
		if got, err := seen(ctx, c, 0); len(got) != 3 || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// TestWatchIsWhole: however connections break and repeat, each event comes once
// and in its order.
func TestWatchIsWhole(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(r, "events")
		// Below 0 is no connection, else how much of a stream comes, in percent.
		bad := rapid.SliceOfN(rapid.IntRange(-2, 100), 0, 8).Draw(r, "bad days")
		var got []int64
		var err error
		synctest.Test(t, func(t *testing.T) {
			left := bad
			c, newErr := client.New("http://agentrun.example", token)
			if newErr != nil {
				t.Fatal(newErr)
			}
			c.Patience = time.Hour
			c.HTTP = &http.Client{Transport: day(func(req *http.Request) (*http.Response, error) {
				last, err := strconv.Atoi(req.Header.Get("Last-Event-ID"))
				if err != nil {
					t.Error(err)
				}
				if len(left) == 0 {
					return events(said(1, n, n), true)(req) // from the beginning: doubles
				}
				today := left[0]
				left = left[1:]
				switch today {
				case -2:
					return broken(errReset)(req)
				case -1:
					return problem(503, "draining")(req)
				}
				text := said(last+1, n, n)
				return events(text[:len(text)*today/100], false)(req)
			})}
			got, err = seen(t.Context(), c, 0)
		})
		if err != nil || len(got) != n {
			r.Fatalf("got %v, %v", got, err)
		}
		for i, seq := range got {
			if seq != int64(i+1) {
				r.Fatalf("got %v", got)
			}
		}
	})
}

func (d day) RoundTrip(r *http.Request) (*http.Response, error) { return d(r) }
