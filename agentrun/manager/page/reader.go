package page

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// requestTime is what the database may take for one page.
const requestTime = 10 * time.Second

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
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
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

// timed bounds what the database may take for what is neither a stream nor a file.
func timed(next func(http.ResponseWriter, *http.Request, reader)) func(http.ResponseWriter, *http.Request, reader) {
	return func(w http.ResponseWriter, r *http.Request, who reader) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTime)
		defer cancel()
		next(w, r.WithContext(ctx), who)
	}
}
