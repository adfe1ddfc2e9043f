package manager

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pikasTech/agentrun/internal/fail"
)

// Time in these tests is the bubble's: a request takes as long as its question
// to a database that never accepts a connection.
func bubble(t *testing.T, ready, drain, shutdown time.Duration) (m *Manager, ln *pipeListener, client *http.Client) {
	m, err := New(Config{
		Listen: ":0", DatabaseURL: "postgres://user@192.0.2.1/name",
		ReadyTimeout: ready, DrainDelay: drain, ShutdownTimeout: shutdown,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	m.database.ConnConfig.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ln = &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	return m, ln, &http.Client{Transport: &http.Transport{DialContext: ln.dial, DisableKeepAlives: true}}
}

func TestShutdownTakesReadinessAwayFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, ln, client := bubble(t, time.Second, 5*time.Second, time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		end := make(chan error, 1)
		go func() { end <- m.Serve(ctx, ln) }()

		began := time.Now()
		cancel()
		synctest.Wait()
		if status, body := ask(t, client, "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "shutting down") {
			t.Errorf("while it drains /readyz answers %d %s", status, body)
		}
		if status, _ := ask(t, client, "/healthz"); status != http.StatusOK {
			t.Errorf("while it drains /healthz answers %d", status)
		}
		if err := <-end; err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it ended after %v, not after its drain delay", took)
		}
		if _, err := ln.dial(t.Context(), "", ""); !errors.Is(err, net.ErrClosed) {
			t.Errorf("it still accepts connections: %v", err)
		}
	})
}

func TestShutdownFinishesRequestsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, ln, client := bubble(t, 30*time.Second, 0, time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		end := make(chan error, 1)
		go func() { end <- m.Serve(ctx, ln) }()

		var asking sync.WaitGroup
		asking.Go(func() {
			status, body := ask(t, client, "/readyz")
			if status != http.StatusServiceUnavailable || !strings.Contains(body, "did not answer within 30s") {
				t.Errorf("the request under way got %d %s", status, body)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		select {
		case err := <-end:
			t.Errorf("it ended (%v) before the request did", err)
		default:
		}
		asking.Wait()
		if err := <-end; err != nil {
			t.Error(err)
		}
	})
}

func TestShutdownCutsOffWhatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, ln, client := bubble(t, 5*time.Minute, time.Second, 10*time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		end := make(chan error, 1)
		go func() { end <- m.Serve(ctx, ln) }()

		var asking sync.WaitGroup
		asking.Go(func() {
			if resp, err := client.Get("http://manager/readyz"); err == nil {
				resp.Body.Close()
				t.Errorf("the request got %d", resp.StatusCode)
			}
		})
		synctest.Wait()
		cancel()
		err := <-end
		if fail.CodeOf(err) != fail.Failed || !strings.Contains(err.Error(), "still under way after 10s") || fail.HintOf(err) == "" {
			t.Errorf("got %v", err)
		}
		asking.Wait()
	})
}

func TestServeEndsWithItsListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, ln, _ := bubble(t, time.Second, 0, time.Second)
		ln.Close()
		if err := m.Serve(t.Context(), ln); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}

func TestRunSaysThatTheAddressIsTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	m, _, _ := bubble(t, time.Second, 0, time.Second)
	m.cfg.Listen = ln.Addr().String()
	if err := m.Run(t.Context()); fail.CodeOf(err) != fail.Failed || fail.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}

func ask(t *testing.T, client *http.Client, path string) (int, string) {
	resp, err := client.Get("http://manager" + path)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(body)
}

// pipeListener accepts in-memory connections: a bubble's time cannot pass while
// a goroutine waits for the network.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }
