package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pikasTech/agentrun/internal/kube/kubetest"
	"github.com/pikasTech/agentrun/internal/secretscan/fake"
)

// cmdCluster (cluster DIR SCRIPT) starts an API server that answers SCRIPT and
// points KUBECONFIG at it. $COMMIT in the script and its files is DIR's commit,
// $SHORT its first twelve digits, $BACK the variable. A line of the script is one answer:
//
//	METHOD PATH file CODE FILE       an object
//	METHOD PATH status CODE REASON MESSAGE
//	METHOD PATH stream FILE          the events of a watch, one a line, and its end
//	METHOD PATH open FILE            likewise, and it goes on
//	METHOD PATH echo FILE            the object that was sent, which FILE has then
//	METHOD PATH nopath|drop|hang
//	METHOD PATH mark                 nothing, and "asked" hears of it
//
// A watch's method is WATCH. $URL holds a $PASSWORD, and ESC is an escape character.
func cmdCluster(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cluster DIR SCRIPT")
	}
	out, err := exec.Command("git", "-C", ts.MkAbs(args[0]), "rev-parse", "HEAD").Output()
	ts.Check(err)
	commit := strings.TrimSpace(string(out))
	ts.Setenv("COMMIT", commit)
	ts.Setenv("SHORT", commit[:12])
	read := func(name string) string {
		return strings.NewReplacer("$COMMIT", commit, "$SHORT", commit[:12], "$BACK", ts.Getenv("BACK"), "$URL", fake.PasswordURL(), "ESC", "\x1b").Replace(ts.ReadFile(name))
	}
	script := kubetest.Script{}
	for line := range strings.Lines(read(args[1])) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		key := f[0] + " " + f[1]
		script[key] = append(script[key], answer(ts, read, f[2:]))
	}
	// What nobody expects is answered with 418, which no script expects either.
	srv := kubetest.Start(script, func(string) {})
	ts.Defer(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	name := ts.MkAbs("kubeconfig")
	ts.Check(os.WriteFile(name, srv.Kubeconfig, 0o600))
	ts.Setenv("KUBECONFIG", name)
	ts.Setenv("HANG", strings.TrimPrefix(srv.URL, "https://"))
	ts.Setenv("PASSWORD", fake.Password())
	ts.Setenv("URL", fake.PasswordURL())
}

func answer(ts *testscript.TestScript, read func(string) string, f []string) http.HandlerFunc {
	code := func() int {
		n, err := strconv.Atoi(f[1])
		ts.Check(err)
		return n
	}
	switch f[0] {
	case "file":
		return kubetest.Answer(code(), read(f[2]))
	case "status":
		return kubetest.Status(code(), f[2], strings.Join(f[3:], " "), "")
	case "stream":
		return kubetest.Stream(strings.Split(strings.TrimSpace(read(f[1])), "\n")...)
	case "open":
		return kubetest.Open(strings.Split(strings.TrimSpace(read(f[1])), "\n")...)
	case "echo":
		return func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err == nil {
				err = os.WriteFile(ts.MkAbs(f[1]), body, 0o644)
			}
			if err != nil {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			kubetest.Answer(http.StatusCreated, string(body))(w, r)
		}
	case "nopath":
		return kubetest.NoPath
	case "drop":
		return kubetest.Drop
	case "mark":
		return func(w http.ResponseWriter, r *http.Request) {
			if err := os.WriteFile(marker(ts), nil, 0o644); err == nil {
				kubetest.Hang(w, r)
			}
		}
	case "hang":
		return kubetest.Hang
	}
	ts.Fatalf("unknown answer %s", f[0])
	return nil
}
