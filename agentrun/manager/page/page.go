package page

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// Page is what the pages are made from.
type Page struct {
	Store *store.Store

	// Follow gives the events of a run of the project after the one of that number,
	// as they come. It ends after the run's end, with the context, and whenever it
	// likes, such as when this replica goes; an error is the last that it gives.
	Follow func(ctx context.Context, project, id string, after int64) iter.Seq2[run.Event, error]

	Log *slog.Logger
}

//go:embed html/*.html
var pages embed.FS

// Handler serves the page. Its paths are "/" alone and those below "/ui/".
func (p *Page) Handler() http.Handler {
	assets := readAssets()
	h := &handler{Page: p, templates: template.Must(template.New("").Funcs(functions(assets)).ParseFS(pages, "html/*.html"))}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", to("/ui/runs"))
	mux.HandleFunc("GET /ui/{$}", to("/ui/runs"))
	mux.HandleFunc("GET /ui/runs", h.forReaders(timed(h.list)))
	mux.HandleFunc("GET /ui/runs/{id}", h.forReaders(timed(h.run)))
	mux.HandleFunc("GET /ui/runs/{id}/events", h.forReaders(h.live))
	mux.HandleFunc("GET /ui/runs/{id}/artifacts/{name}", h.forReaders(h.artifact))
	mux.HandleFunc("GET /ui/signin", h.signInForm)
	mux.HandleFunc("POST /ui/signin", h.signIn)
	mux.HandleFunc("POST /ui/signout", h.signOut)
	mux.Handle("GET /ui/static/", assets)
	mux.HandleFunc("GET /ui/", func(w http.ResponseWriter, r *http.Request) { h.fail(w, r, store.ErrNotFound) })
	// A form of another site must neither sign somebody in nor out.
	return guarded(http.NewCrossOriginProtection().Handler(mux))
}

type handler struct {
	*Page
	templates *template.Template
}

// policy lets the page be itself and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// guarded says with every answer what a browser may do with it.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		// Without a referrer a form would have the origin null, as one of another site.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func to(path string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, path, http.StatusSeeOther) }
}

// frame is what every page has around its content.
type frame struct {
	Title    string
	SignedIn bool
	Project  string
	Content  any
}

// show writes a page, whole or not at all.
func (h *handler) show(w http.ResponseWriter, status int, name string, f frame) {
	var b bytes.Buffer
	if err := h.templates.ExecuteTemplate(&b, name, f); err != nil {
		h.Log.Error("writing a page", "page", name, "error", err)
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the one who asked is gone; there is nobody to tell
}

// trouble is the content of a page that says why there is no other.
type trouble struct{ Heading, Text string }

// fail tells what went wrong, without what only the log may hold.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, t := http.StatusInternalServerError, trouble{"Something went wrong", "AgentRun is at fault; its log says more."}
	switch {
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		return
	case errors.Is(err, store.ErrNotFound):
		status, t = http.StatusNotFound, trouble{"Not found", "There is no such page, or it belongs to another project."}
	case store.Unavailable(err):
		status, t = http.StatusServiceUnavailable, trouble{"Not ready", "The database does not answer. Reload the page in a moment."}
		w.Header().Set("Retry-After", "2")
		h.Log.Warn("the page has no database", "error", err)
	default:
		h.Log.Error("the page failed", "path", r.URL.Path, "error", err)
	}
	who, ok := readerOf(r)
	h.show(w, status, "trouble", frame{Title: t.Heading, SignedIn: ok, Project: who.project, Content: t})
}

// functions are what templates call.
func functions(a *assets) template.FuncMap {
	return template.FuncMap{
		"asset": a.path,
		"when":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
		"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"exit":  func(code *int) int { return *code },
		"words": func(name any) string { return words(fmt.Sprint(name)) },
	}
}
