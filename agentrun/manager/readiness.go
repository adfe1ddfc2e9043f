package manager

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
)

// readiness answers whether requests can be served. It asks each time and
// remembers only what it last said, to log each change once.
type readiness struct {
	pool        *pgxpool.Pool
	schema      *schema
	jobTemplate string
	timeout     time.Duration
	log         *slog.Logger
	draining    atomic.Bool

	mu   sync.Mutex
	said []reason
}

func (r *readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	reasons := r.reasons(req.Context())
	if req.Context().Err() != nil {
		return // whoever asked did not wait: what was found says nothing
	}
	r.logChange(reasons)
	if len(reasons) == 0 {
		answer(w, http.StatusOK, "application/json", map[string]bool{"ready": true})
		return
	}
	answer(w, http.StatusServiceUnavailable, "application/problem+json", problem{
		Title: "not ready", Status: http.StatusServiceUnavailable,
		Detail: "a part that requests need is missing", Reasons: reasons,
	})
}

// reasons is empty when everything is ready.
func (r *readiness) reasons(ctx context.Context) []reason {
	if r.draining.Load() {
		return []reason{{"shutdown", "the manager is shutting down"}}
	}
	var out []reason
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	if err := r.pool.Ping(ctx); err != nil {
		out = append(out, reason{"postgres", postgresReason(err, r.timeout)})
	} else if !r.schema.wait(ctx) {
		out = append(out, reason{"schema", r.schema.reason()})
	}
	if r.jobTemplate != "" {
		if _, err := ReadJobTemplate(r.jobTemplate); err != nil {
			out = append(out, reason{"jobTemplate", err.Error()})
		}
	}
	return out
}

func (r *readiness) logChange(reasons []reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said != nil && slices.Equal(r.said, reasons) {
		return
	}
	r.said = append([]reason{}, reasons...) // never nil again: nil is nothing said yet
	if len(reasons) == 0 {
		r.log.Info("ready")
		return
	}
	r.log.Warn("not ready", "reasons", reasons)
}

// postgresReason puts err into words of our own: the client's name the host, the
// user and the database.
func postgresReason(err error, timeout time.Duration) string {
	if stuck, ok := errors.AsType[*store.StuckError](err); ok {
		return stuck.Error()
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code {
		case "28P01", "28000":
			return "Postgres does not accept the user or the password"
		case "3D000":
			return "Postgres has no database of that name"
		case "53300":
			return "Postgres has no connection left"
		case "57P01", "57P02", "57P03":
			return "Postgres is starting up or shutting down"
		}
		return "Postgres refuses with SQLSTATE " + e.Code
	}
	if errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err) {
		return "Postgres did not answer within " + timeout.String()
	}
	return "Postgres cannot be reached"
}
