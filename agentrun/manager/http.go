package manager

import (
	"fmt"
	"net/http"

	"github.com/pikasTech/agentrun/internal/canon"
)

func handler(version Version, ready *readiness) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "application/json", map[string]bool{"alive": true})
	})
	mux.Handle("GET /readyz", ready)
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "application/json", version)
	})
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
	Part string `json:"part"` // postgres, jobTemplate or shutdown
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
