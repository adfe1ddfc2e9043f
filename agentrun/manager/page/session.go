package page

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// cookieName is the name of the cookie, whose value is the API token, and for one
// for administration maybe a colon and a project.
const cookieName = "agentrun"

// formBytes bounds the sign-in form.
const formBytes = 8 << 10

// reader is who looks at the page: at one project, or at store.AnyProject.
type reader struct{ project string }

type readerKey struct{}

func readerOf(r *http.Request) (reader, bool) {
	who, ok := r.Context().Value(readerKey{}).(reader)
	return who, ok
}

// refusal is why a credential opens nothing, in words for the form.
type refusal string

func (r refusal) Error() string { return string(r) }

const (
	unknownToken refusal = "The token is unknown, revoked or over."
	noScope      refusal = "The token may not read runs: it needs the scope runs:read."
	noSuchName   refusal = "That is not the name of a project."
	otherProject refusal = "The token opens another project."
)

// identify says who has the credential. An error that is no refusal is the store's.
func (h *handler) identify(ctx context.Context, credential string) (reader, error) {
	value, project, _ := strings.Cut(credential, ":")
	t, err := h.Store.Authenticate(ctx, value)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return reader{}, unknownToken
	case err != nil:
		return reader{}, err
	case project != "" && !run.IsName(project):
		return reader{}, noSuchName
	case slices.Contains(t.Scopes, store.Admin):
		return reader{project}, nil
	case !slices.Contains(t.Scopes, store.ReadRuns) || t.Project == "":
		return reader{}, noScope
	case project != "" && project != t.Project:
		return reader{}, otherProject
	}
	return reader{t.Project}, nil
}

func isRefusal(err error) bool {
	_, ok := errors.AsType[refusal](err)
	return ok
}

// forReaders lets those through who have signed in; others are led to the form. A
// stream cannot be led anywhere.
func (h *handler) forReaders(next func(http.ResponseWriter, *http.Request, reader)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var err error = unknownToken
		var who reader
		if c, noCookie := r.Cookie(cookieName); noCookie == nil {
			who, err = h.identify(r.Context(), c.Value)
		}
		switch {
		case err == nil:
			next(w, r.WithContext(context.WithValue(r.Context(), readerKey{}, who)), who)
		case !isRefusal(err):
			h.fail(w, r, err)
		case strings.HasSuffix(r.URL.Path, "/events"):
			http.Error(w, err.Error(), http.StatusUnauthorized)
		default:
			http.Redirect(w, r, "/ui/signin?"+url.Values{"next": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
		}
	}
}

// signInPage is the content of the form's page.
type signInPage struct {
	Next    string // where to go on
	Project string
	Error   string
	Again   bool // somebody comes from elsewhere and may have signed in already
}

func (h *handler) signInForm(w http.ResponseWriter, r *http.Request) {
	next := safeNext(r.URL.Query().Get("next"))
	if c, err := r.Cookie(cookieName); err == nil {
		if _, err := h.identify(r.Context(), c.Value); err == nil {
			http.Redirect(w, r, next, http.StatusSeeOther)
			return
		}
	}
	// A browser keeps a strict cookie back when the link was on another site.
	again := r.URL.Query().Has("next")
	h.show(w, http.StatusOK, "signin", frame{Title: "Sign in", Content: signInPage{Next: next, Again: again}})
}

func (h *handler) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, formBytes)
	if err := r.ParseForm(); err != nil {
		h.show(w, http.StatusBadRequest, "trouble", frame{Title: "Sign in", Content: trouble{"That is no sign-in form", "Go back and try again."}})
		return
	}
	content := signInPage{Next: safeNext(r.PostForm.Get("next")), Project: strings.TrimSpace(r.PostForm.Get("project"))}
	credential := strings.TrimSpace(r.PostForm.Get("token"))
	if content.Project != "" {
		credential += ":" + content.Project
	}
	_, err := h.identify(r.Context(), credential)
	switch {
	case err == nil:
	case isRefusal(err):
		content.Error = err.Error()
		h.show(w, http.StatusUnprocessableEntity, "signin", frame{Title: "Sign in", Content: content})
		return
	default:
		h.fail(w, r, err)
		return
	}
	http.SetCookie(w, cookie(r, credential, 0))
	http.Redirect(w, r, content.Next, http.StatusSeeOther)
}

func (h *handler) signOut(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, cookie(r, "", -1))
	http.Redirect(w, r, "/ui/signin", http.StatusSeeOther)
}

// cookie keeps the credential until the browser ends; with age -1 it is forgotten.
// That a proxy says that it was asked by TLS is believed: the one who could lie
// about it would only make his own cookie safer.
func cookie(r *http.Request, credential string, age int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: credential, Path: "/ui", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	}
}

// safeNext is where to go on: a page of ours, whatever was asked for.
func safeNext(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || !strings.HasPrefix(u.Path, "/ui/") {
		return "/ui/runs"
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String()
}
