// Package kubetest answers like an API server's bad days: an HTTPS server with a
// script of answers, which reports every request that the script does not expect.
// What works is tested on a real cluster; this is for what such a cluster does
// only when it is broken.
package kubetest

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// Token is what the kubeconfig signs in with.
const Token = "kubetest"

// Script are the answers to each "METHOD /path", in their order; the last one
// stays. A path that ends in "/*" stands for all that differ in their last part. The method of a watch is WATCH. "GET /version" need not be in it.
type Script map[string][]http.HandlerFunc

// Server is a running server. Close ends it.
type Server struct {
	*httptest.Server
	Kubeconfig []byte // of a client that may sign in

	mu     sync.Mutex
	script Script
	asked  []string
}

// Start serves the script on loopback. Unexpected is told what nobody expects; it
// is answered with 418.
func Start(script Script, unexpected func(request string)) *Server {
	s := &Server{script: script}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request := r.Method + " " + r.URL.Path
		if r.URL.Query().Has("watch") {
			request = "WATCH " + r.URL.Path
		}
		answer := s.next(request)
		switch {
		case r.Header.Get("Authorization") != "Bearer "+Token:
			unexpected(request + " without the token")
			w.WriteHeader(http.StatusTeapot)
		case answer != nil:
			answer(w, r)
		case request == "GET /version":
			Object(`{"major":"1","minor":"34","gitVersion":"v1.34.4"}`)(w, r)
		default:
			unexpected(request)
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(discard{}, "", 0) // clients that do not trust it are part of the tests
	s.StartTLS()
	s.Kubeconfig = s.kubeconfig(Token, "")
	return s
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func (s *Server) next(request string) http.HandlerFunc {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, request)
	if s.script[request] == nil { // any object of a resource
		request = request[:strings.LastIndexByte(request, '/')] + "/*"
	}
	answers := s.script[request]
	switch len(answers) {
	case 0:
		return nil
	case 1:
		return answers[0]
	}
	s.script[request] = answers[1:]
	return answers[0]
}

// Asked are the requests so far.
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// Within is the kubeconfig for a namespace.
func (s *Server) Within(namespace string) []byte {
	return s.kubeconfig(Token, ", namespace: "+namespace)
}

func (s *Server) kubeconfig(token, more string) []byte {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: kubetest
clusters:
- name: kubetest
  cluster:
    server: %s
    certificate-authority-data: %s
contexts:
- name: kubetest
  context: {cluster: kubetest, user: kubetest%s}
users:
- name: kubetest
  user: {token: %s}
`, s.URL, base64.StdEncoding.EncodeToString(ca), more, token)
}

// Object answers 200 with a JSON object.
func Object(body string) http.HandlerFunc { return Answer(http.StatusOK, body) }

// Answer answers with a JSON object.
func Answer(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}

// Status answers with an error as the API server words one. Details is a JSON
// object, or "".
func Status(code int, reason, message, details string) http.HandlerFunc {
	if details == "" {
		details = "{}"
	}
	words, err := json.Marshal(message)
	if err != nil {
		panic(err) // a test's own mistake
	}
	return Answer(code, fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":%s,"reason":%q,"details":%s,"code":%d}`,
		words, reason, details, code))
}

// NoPath answers as the API server does where it serves nothing.
func NoPath(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte("404 page not found\n"))
}

// Drop ends the connection without an answer.
func Drop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// Hang does not answer until the client gives up.
func Hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// Stream answers a watch with events and ends it.
func Stream(events ...string) http.HandlerFunc { return stream(false, events) }

// Open answers a watch with events and leaves it open.
func Open(events ...string) http.HandlerFunc { return stream(true, events) }

func stream(open bool, events []string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		control := http.NewResponseController(w)
		for _, e := range events {
			_, _ = w.Write([]byte(e + "\n"))
		}
		_ = control.Flush()
		if open {
			select {
			case <-r.Context().Done():
			case <-time.After(time.Minute):
			}
		}
	}
}
