package page

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/plain"
)

// pageRuns is how many runs a page of the list has at most.
const pageRuns = 50

// listPage is the content of the list.
type listPage struct {
	States                []run.State
	State, Profile, Label string // the filter, as it was asked for
	Wrong                 string // what is wrong with it
	Rows                  []row
	First, Next           string // links, "" for none
	AllProjects           bool
}

// row is one run of the list.
type row struct {
	ID, Prompt, Profile, Project string
	State                        run.State
	Reason                       run.Reason
	Labels                       []string
	Created                      time.Time
	Took                         string // "" before it began
}

func (h *handler) list(w http.ResponseWriter, r *http.Request, who reader) {
	q := r.URL.Query()
	content := listPage{
		AllProjects: who.project == store.AnyProject,
		States:      run.States[:], State: plain.Line(q.Get("state"), 60), Profile: plain.Line(q.Get("profile"), 100), Label: plain.Line(q.Get("label"), 400),
	}
	filter, wrong := filterOf(q)
	content.Wrong = wrong
	if wrong == "" {
		runs, more, err := h.Store.List(r.Context(), who.project, filter)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		now := h.Store.Now()
		for _, one := range runs {
			content.Rows = append(content.Rows, rowOf(one, now))
		}
		if q.Get("before") != "" {
			content.First = listLink(q, "")
		}
		if more && len(runs) > 0 {
			content.Next = listLink(q, runs[len(runs)-1].ID)
		}
	}
	h.show(w, http.StatusOK, "list", frame{Title: "Runs", SignedIn: true, Project: who.project, Content: content})
}

// filterOf reads the filter, or says what is wrong with it.
func filterOf(q url.Values) (f store.Filter, wrong string) {
	f = store.Filter{Profile: q.Get("profile"), Before: q.Get("before"), Limit: pageRuns}
	if s := q.Get("state"); s != "" {
		state, err := run.ParseState(s)
		if err != nil {
			return f, "There is no such state."
		}
		f.State = state
	}
	if f.Profile != "" && !run.IsName(f.Profile) {
		return f, "That is not the name of a profile."
	}
	if label := strings.TrimSpace(q.Get("label")); label != "" {
		k, v, ok := strings.Cut(label, "=")
		if !ok || !run.IsLabel(k, v) {
			return f, "A label is written as key=value."
		}
		f.Labels = map[string]string{k: v}
	}
	return f, ""
}

func rowOf(r run.Run, now time.Time) row {
	out := row{
		ID: r.ID, Prompt: plain.Line(r.Prompt, 100), Profile: r.Profile, Project: r.Project, State: r.State, Reason: r.Reason,
		Created: r.CreatedAt, Took: took(r, now),
	}
	for k, v := range r.Labels {
		out.Labels = append(out.Labels, k+"="+v)
	}
	slices.Sort(out.Labels)
	return out
}

// took is how long a run has been going on since it first began.
func took(r run.Run, now time.Time) string {
	if r.StartedAt == nil {
		return ""
	}
	if r.FinishedAt != nil {
		now = *r.FinishedAt
	}
	return max(0, now.Sub(*r.StartedAt)).Round(time.Second).String()
}

// listLink is the list with the same filter, before a run.
func listLink(q url.Values, before string) string {
	kept := url.Values{}
	for _, k := range []string{"state", "profile", "label"} {
		if v := q.Get(k); v != "" {
			kept.Set(k, v)
		}
	}
	if before != "" {
		kept.Set("before", before)
	}
	return (&url.URL{Path: "/ui/runs", RawQuery: kept.Encode()}).String()
}
