package page

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/pikasTech/agentrun/agentrun/manager/download"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/plain"
)

// pageEvents is how many events a page of a run is made from; storeEvents how many
// are read at a time.
const (
	pageEvents  = 2000
	storeEvents = 500
)

// runPage is the content of a run's page.
type runPage struct {
	State    statePanel
	Usage    *run.UsageData
	Changes  *diff
	Outcome  *outcome // nil before the end
	Timeline timeline

	ID, Prompt, Profile, RetryOf string
	PromptCut                    bool
	Labels                       []string
	Priority                     int
	Created                      time.Time

	After, Last    int64 // the events that are shown are those between
	Earlier, Later string
	Events         string // where to go on live, "" when nothing can follow
}

// statePanel is where a run is.
type statePanel struct {
	State                run.State
	Text                 string
	Message              string
	Attempt, MaxAttempts int
	Started, Finished    *time.Time
	Took                 string
}

// outcome is what came of a run.
type outcome struct {
	RunID string
	Final string
	Cut   bool
	Files []run.Artifact
}

func (h *handler) run(w http.ResponseWriter, r *http.Request, who reader) {
	one, err := h.Store.Get(r.Context(), who.project, r.PathValue("id"))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	after, newest := max(0, one.LastSeq-pageEvents), true
	if s := r.URL.Query().Get("after"); s != "" {
		newest = false
		if after, err = strconv.ParseInt(s, 10, 64); err != nil || after < 0 {
			h.fail(w, r, store.ErrNotFound)
			return
		}
		after = min(after, one.LastSeq)
	}
	content, err := h.runPage(r.Context(), one, after, newest)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	title := plain.Line(one.Prompt, 60) + " · " + content.State.Text
	h.show(w, http.StatusOK, "run", frame{Title: title, SignedIn: true, Project: who.project, Content: content})
}

// runPage shows the events after that one. The newest page is followed whatever has come
// since the run was read: the stream has it.
func (h *handler) runPage(ctx context.Context, one run.Run, after int64, newest bool) (runPage, error) {
	about := rowOf(one, h.Store.Now())
	prompt, cut := shorten(one.Prompt, itemBytes)
	p := runPage{
		ID: one.ID, Prompt: plain.Text(prompt), PromptCut: cut, Profile: one.Profile, RetryOf: one.RetryOf, Labels: about.Labels,
		Priority: one.Priority, Created: one.CreatedAt, After: after, Last: after, State: h.statePanel(one),
	}
	more, ended := true, false
	for end := after + pageEvents; more && p.Last < end; {
		events, err := h.Store.Events(ctx, one.Project, one.ID, p.Last, int(min(storeEvents, end-p.Last)))
		if err != nil {
			return p, err
		}
		for _, e := range events.Events {
			if err := p.Timeline.add(e); err != nil {
				return p, err
			}
		}
		p.Last, more, ended = events.Last, events.More && len(events.Events) > 0, events.Ended
	}
	p.Usage, p.Changes = p.Timeline.Usage, p.Timeline.Diff
	link := "/ui/runs/" + one.ID
	if after > 0 {
		p.Earlier = link + "?after=" + strconv.FormatInt(max(0, after-pageEvents), 10)
	}
	switch {
	case ended:
	case more && !newest:
		p.Later = link + "?after=" + strconv.FormatInt(p.Last, 10)
	default:
		p.Events = link + "/events"
	}
	var err error
	p.Outcome, err = h.outcome(ctx, one.Project, one.ID)
	return p, err
}

func (h *handler) statePanel(one run.Run) statePanel {
	p := statePanel{
		State: one.State, Text: words(string(one.State)), Attempt: one.Attempt, MaxAttempts: one.MaxAttempts,
		Started: one.StartedAt, Finished: one.FinishedAt, Took: took(one, h.Store.Now()),
	}
	if one.Cancelling {
		p.Text += ", being cancelled"
	}
	if one.Reason != "" {
		p.Text += " (" + words(string(one.Reason)) + ")"
	}
	message, _ := shorten(one.Message, itemBytes)
	p.Message = plain.Text(message)
	return p
}

// outcome is nil while the run has not ended.
func (h *handler) outcome(ctx context.Context, project, id string) (*outcome, error) {
	result, err := h.Store.Result(ctx, project, id)
	if errors.Is(err, store.ErrNotEnded) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	final, cut := shorten(result.FinalMessage, itemBytes)
	return &outcome{RunID: id, Final: plain.Text(final), Cut: cut, Files: result.Artifacts}, nil
}

// artifact sends a file, which a browser keeps and never shows: an agent wrote it.
func (h *handler) artifact(w http.ResponseWriter, r *http.Request, who reader) {
	attempt, err := strconv.Atoi(r.URL.Query().Get("attempt"))
	if name := r.PathValue("name"); err != nil || !run.IsArtifactName(name) {
		h.fail(w, r, store.ErrNotFound)
		return
	}
	about, file, err := h.file(r, who, attempt)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+about.Name+`"`)
	w.Header().Set("Content-Length", strconv.FormatInt(about.Bytes, 10))
	if err := file.Send(r.Context(), w); err != nil {
		h.Log.Info("a download was cut off", "error", err)
	}
}

// file finds a file and begins with it, in the time of a page.
func (h *handler) file(r *http.Request, who reader, attempt int) (run.Artifact, *download.File, error) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTime)
	defer cancel()
	about, err := h.Store.Artifact(ctx, who.project, r.PathValue("id"), r.PathValue("name"), attempt)
	if err != nil {
		return about, nil, err
	}
	file, err := download.Open(ctx, h.Store, r.PathValue("id"), about)
	return about, file, err
}
