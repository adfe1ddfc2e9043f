package forward_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/pikasTech/agentrun/lab/forward"
)

// TestProxy goes through the proxy to a plain and to a TLS server, and asks it for
// a page of its own.
func TestProxy(t *testing.T) {
	proxy := httptest.NewServer(forward.Proxy{Dial: new(net.Dialer).DialContext}.Handler())
	defer proxy.Close()
	through, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if via := req.Header.Get("Proxy-Connection"); via != "" {
			t.Errorf("the proxy passes on Proxy-Connection: %s", via)
		}
		_, _ = io.WriteString(w, "hello "+req.Host)
	})
	for _, start := range []func(http.Handler) *httptest.Server{httptest.NewServer, httptest.NewTLSServer} {
		server := start(hello)
		client := server.Client()
		client.Transport.(*http.Transport).Proxy = http.ProxyURL(through)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if req.URL.Scheme == "http" { // what is inside TLS is not the proxy's to change
			req.Header.Set("Proxy-Connection", "keep-alive")
		}
		answer, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || string(text) != "hello "+server.Listener.Addr().String() {
			t.Errorf("got %q, %v", text, err)
		}
		server.Close()
	}
	answer, err := http.Get(proxy.URL + "/page")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("a page of the proxy: %s", answer.Status)
	}
}
