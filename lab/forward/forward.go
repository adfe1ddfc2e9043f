// Package forward is an HTTP forward proxy, as the real host has one on loopback:
// CONNECT for TLS and absolute URIs for plain HTTP. It dials from wherever this
// process is, whatever network its listener is in, so it is the only way out of
// the lab. It keeps nothing and looks into nothing.
package forward

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"
)

// Proxy answers proxy requests.
type Proxy struct {
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Handler is the proxy's handler. Requests that are not for a proxy are refused:
// the proxy is no web server.
func (p Proxy) Handler() http.Handler {
	plain := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.Host = r.In.Host
			r.Out.Header.Del("Proxy-Authorization")
			r.Out.Header.Del("Proxy-Connection")
		},
		Transport: &http.Transport{DialContext: p.Dial, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, DisableCompression: true},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.Method == http.MethodConnect:
			p.connect(w, req)
		case req.URL.Scheme == "http" && req.URL.Host != "":
			plain.ServeHTTP(w, req)
		default:
			http.Error(w, "this is a forward proxy: send CONNECT or an absolute http URI", http.StatusBadRequest)
		}
	})
}

func (p Proxy) connect(w http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), 30*time.Second)
	defer cancel()
	server, err := p.Dial(ctx, "tcp", req.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer server.Close()
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer client.Close()
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { pipe(server, buffered) })
	both.Go(func() { pipe(client, server) })
	both.Wait()
}

// pipe copies until the end and passes the end on, so that a half-closed
// connection still carries the other half.
func pipe(to net.Conn, from io.Reader) {
	_, _ = io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
