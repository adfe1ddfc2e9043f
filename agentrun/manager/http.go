package manager

import (
	"fmt"
	"net/http"

	"github.com/pikasTech/agentrun/agentrun/manager/api"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/internal/canon"
)

// handler joins all that the manager serves.
func (m *Manager) handler(db *store.Store, hub *api.Hub, runners gate, ready *readiness) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "application/json", map[string]bool{"alive": true})
	})
	mux.Handle("GET /readyz", ready)
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "application/json", m.cfg.Version)
	})
	metrics := api.NewMetrics(db)
	mux.Handle("GET /metrics", metrics.Handler())
	runs := http.NewServeMux()
	for _, prefix := range []string{"/v1/", "/runner/"} {
		mux.Handle(prefix, ready.schema.first(runs))
	}
	mux.Handle("GET /openapi.json", runs)
	(&api.Server{
		Store: db, Hub: hub, Metrics: metrics, Log: m.cfg.Log, Attempt: runners.attempt, CheckPod: runners.checkPod,
	}).Register(runs)
	if m.cfg.Page != nil {
		mux.Handle("/", ready.schema.first(m.cfg.Page(db, hub)))
	}
	return mux
}

// problem is an RFC 9457 problem; reasons is its one member beyond that.
type problem struct {
	Title   string   `json:"title"`
	Status  int      `json:"status"`
	Detail  string   `json:"detail"`
	Reasons []reason `json:"reasons"`
}

// reason says why one part is not ready.
type reason struct {
	Part string `json:"part"` // postgres, schema, jobTemplate or shutdown
	Why  string `json:"why"`
}

// answer writes v, which always encodes.
func answer(w http.ResponseWriter, status int, mediaType string, v any) {
	body, err := canon.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("encoding an answer: %w", err))
	}
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the one who asked is gone; there is nobody to tell
}
