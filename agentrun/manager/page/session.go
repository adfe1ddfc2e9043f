package page

import (
	"net/http"
	"net/url"
	"strings"
)

// cookieName is the name of the cookie, whose value is the API token, and for one
// for administration maybe a colon and a project.
const cookieName = "agentrun"

// formBytes bounds the sign-in form.
const formBytes = 8 << 10

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
