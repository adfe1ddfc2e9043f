package manager_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/agentrun/manager"
	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/scratch"
)

// running is a manager that serves on a port of its own.
type running struct {
	url  string
	log  *logBuffer
	stop context.CancelFunc
	end  <-chan error // how Serve returned
}

func start(t *testing.T, change func(*manager.Config)) running {
	t.Helper()
	log := &logBuffer{}
	cfg := config(log)
	change(&cfg)
	m, err := manager.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	end := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		end <- m.Serve(ctx, ln)
		close(done)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return running{"http://" + ln.Addr().String(), log, stop, end}
}

func config(log io.Writer) manager.Config {
	return manager.Config{
		Listen:          "127.0.0.1:0",
		DatabaseURL:     "postgres://user@localhost/name",
		ReadyTimeout:    10 * time.Second,
		ShutdownTimeout: 10 * time.Second,
		Log:             slog.New(slog.NewJSONHandler(log, nil)),
	}
}

// logBuffer holds what was logged; it may be read meanwhile.
type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func get(t *testing.T, url string) (status int, mediaType, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(b)
}

func startPostgres(t *testing.T) *scratch.Postgres {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs Postgres")
	}
	p, err := scratch.StartPostgres(t.Context(), t.TempDir())
	if child.Missing(err) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}
