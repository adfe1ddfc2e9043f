package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// sending is a request whose body the manager waits for.
type sending struct {
	net.Conn
	in *bufio.Reader
}

// begin sends all of a request but its body, and returns once the manager asks for it.
func (r *replica) begin(method, path, token string, length int) sending {
	r.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		method, path, token, length)
	s := sending{conn, bufio.NewReader(conn)}
	for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} {
		if line, err := s.in.ReadString('\n'); err != nil || line != want {
			r.t.Fatalf("%s %s: got %q, %v", method, path, line, err)
		}
	}
	return s
}

// end sends the body and gives the status.
func (s sending) end(t *testing.T, body []byte) int {
	t.Helper()
	if _, err := s.Write(body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(s.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

// While a body of a pod is under way, no other of its kind is read; it is told to come
// again. Other pods, and what else the pod has to say, go on.
func TestOneBodyOfAPodAtATime(t *testing.T) {
	r := start(t)
	_, pod := r.running()
	_, other := r.running()
	body, err := json.Marshal(report(1, 1))
	if err != nil {
		t.Fatal(err)
	}
	first := r.begin("POST", "/runner/v1/events", pod, len(body))
	file := r.begin("PUT", "/runner/v1/artifacts/a", pod, 3)
	for _, again := range []answer{r.do("POST", "/runner/v1/events", pod, report(1, 1)), r.do("PUT", "/runner/v1/artifacts/b", pod, "x")} {
		refused(t, again, 503, "unavailable")
		if again.header.Get("Retry-After") == "" {
			t.Errorf("it does not say when to come again: %v", again.header)
		}
	}
	want[run.Receipt](t, r.do("POST", "/runner/v1/heartbeat", pod, nil), 200)
	want[run.Receipt](t, r.do("POST", "/runner/v1/events", other, report(1, 1)), 200)
	want[run.Artifact](t, r.do("PUT", "/runner/v1/artifacts/a", other, "x"), 200)
	if status := first.end(t, body); status != 200 {
		t.Errorf("the report: %d", status)
	}
	if status := file.end(t, []byte("abc")); status != 200 {
		t.Errorf("the file: %d", status)
	}
	want[run.Receipt](t, r.do("POST", "/runner/v1/events", pod, report(2, 1)), 200)
	want[run.Artifact](t, r.do("PUT", "/runner/v1/artifacts/b", pod, "x"), 200)
	ending := r.begin("POST", "/runner/v1/finish", pod, 30)
	refused(t, r.do("POST", "/runner/v1/finish", pod, run.Ending{State: run.Succeeded}), 503, "unavailable")
	ending.Close()
	wait(t, func() bool {
		return r.do("POST", "/runner/v1/finish", pod, run.Ending{State: run.Succeeded}).status == 200
	})
}
