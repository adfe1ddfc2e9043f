package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// runRequest is a run.Request with what its document says of it.
type runRequest struct {
	Prompt      string            `json:"prompt" minLength:"1" doc:"What the agent is asked: any text that is not blank, up to 256 KiB"`
	Profile     string            `json:"profile,omitempty" doc:"A way of running; default when it is not given"`
	Labels      map[string]string `json:"labels,omitempty" maxProperties:"16" doc:"Names and values as Kubernetes has them"`
	Priority    int               `json:"priority,omitempty" minimum:"-100" maximum:"100" doc:"The higher goes first"`
	MaxAttempts int               `json:"maxAttempts,omitempty" minimum:"0" maximum:"10" doc:"Tries in all; 0 is the profile's number"`
	Deadline    int               `json:"deadlineSeconds,omitempty" minimum:"0" maximum:"86400" doc:"Of each attempt; 0 is the profile's"`
}

// KeyHeader makes a repetition harmless.
type KeyHeader struct {
	Key string `header:"Idempotency-Key" maxLength:"128" pattern:"^[ -~]+$" doc:"The same key with the same body gives the run that was made at first"`
}

// IDParam names a run.
type IDParam struct {
	ID string `path:"id" doc:"Of the run, a UUID"`
}

type submitInput struct {
	ProjectParam
	KeyHeader
	Body runRequest
}

type runOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     run.Run
}

type listInput struct {
	ProjectParam
	State   string   `query:"state" enum:"queued,starting,running,succeeded,failed,cancelled,timed_out"`
	Label   []string `query:"label,explode" nullable:"false" maxItems:"16" doc:"name=value; all of them must be there"`
	Profile string   `query:"profile"`
	Limit   int      `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor  string   `query:"cursor" maxLength:"100" doc:"next of the page before"`
}

type runList struct {
	Runs []run.Run `json:"runs"`
	Next string    `json:"next,omitempty" doc:"The cursor of the next page; none when this is the last"`
}

// RunParams name a run. The library reads embedded parameters of exported types alone.
type RunParams struct {
	ProjectParam
	IDParam
}

type retryInput struct {
	RunParams
	KeyHeader
}

type body[T any] struct{ Body T }

func (s *Server) runRoutes(api huma.API) {
	register(s, api, s.needs(api, huma.Operation{
		OperationID: "submit-run", Method: http.MethodPost, Path: "/v1/runs", Tags: []string{"runs"}, DefaultStatus: http.StatusCreated, MaxBodyBytes: maxBodyBytes + 1,
		Summary: "Submit a run", Description: "201 for a new run, 200 for one that the key has made before.",
	}, store.WriteRuns), s.submit)
	register(s, api, s.needs(api, huma.Operation{
		OperationID: "list-runs", Method: http.MethodGet, Path: "/v1/runs", Tags: []string{"runs"},
		Summary: "List runs", Description: "The newest first. A page may be shorter than its limit; the last one has no next.",
	}, store.ReadRuns), s.list)
	register(s, api, s.needs(api, huma.Operation{
		OperationID: "get-run", Method: http.MethodGet, Path: "/v1/runs/{id}", Tags: []string{"runs"}, Summary: "One run",
	}, store.ReadRuns), s.get)
	register(s, api, s.needs(api, huma.Operation{
		OperationID: "cancel-run", Method: http.MethodPost, Path: "/v1/runs/{id}/cancel", Tags: []string{"runs"}, DefaultStatus: http.StatusAccepted,
		Summary: "Ask for the end of a run", Description: "202 once it is asked for; 200 for a run that has ended already and stays as it is.",
	}, store.WriteRuns), s.cancel)
	register(s, api, s.needs(api, huma.Operation{
		OperationID: "retry-run", Method: http.MethodPost, Path: "/v1/runs/{id}/retry", Tags: []string{"runs"}, DefaultStatus: http.StatusCreated,
		Summary: "Make a new run from one that has ended",
	}, store.WriteRuns), s.retry)
	register(s, api, s.needs(api, huma.Operation{
		OperationID: "get-result", Method: http.MethodGet, Path: "/v1/runs/{id}/result", Tags: []string{"runs"}, Summary: "What came of a run that has ended",
	}, store.ReadRuns), s.result)
}

func (s *Server) submit(ctx context.Context, in *submitInput) (*runOutput, error) {
	project, err := projectOf(ctx, in.ProjectParam)
	if err != nil {
		return nil, err
	}
	if project == store.AnyProject {
		return nil, invalid("query.project", "must be named by an administrator")
	}
	req := run.Request(in.Body)
	if err := flawed(req.Check()); err != nil {
		return nil, err
	}
	made, created, err := s.Store.Submit(ctx, project, req, in.Key, "")
	return madeRun(made, created, err)
}

func madeRun(made run.Run, created bool, err error) (*runOutput, error) {
	if err != nil {
		return nil, err
	}
	out := &runOutput{Status: http.StatusCreated, Location: "/v1/runs/" + made.ID, Body: made}
	if !created {
		out.Status = http.StatusOK
	}
	return out, nil
}

func (s *Server) list(ctx context.Context, in *listInput) (*body[runList], error) {
	project, err := projectOf(ctx, in.ProjectParam)
	if err != nil {
		return nil, err
	}
	f := store.Filter{State: run.State(in.State), Profile: in.Profile, Limit: in.Limit}
	if f.Profile != "" && !run.IsName(f.Profile) {
		return nil, invalid("query.profile", "is not a name")
	}
	if f.Labels, err = parseLabels(in.Label); err != nil {
		return nil, err
	}
	if in.Cursor != "" {
		if f.Before, err = parseCursor(in.Cursor); err != nil {
			return nil, err
		}
	}
	runs, more, err := s.Store.List(ctx, project, f)
	if err != nil {
		return nil, err
	}
	out := runList{Runs: runs}
	if more {
		out.Next = cursor(runs[len(runs)-1].ID)
	}
	return &body[runList]{out}, nil
}

// parseLabels reads name=value each.
func parseLabels(all []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, l := range all {
		key, value, ok := strings.Cut(l, "=")
		if _, twice := labels[key]; !ok || twice || !run.IsLabel(key, value) {
			return nil, invalid("query.label", "is not name=value, once for each name")
		}
		labels[key] = value
	}
	return labels, nil
}

// cursorPrefix tells cursors of this form from later ones.
const cursorPrefix = 1

// cursor names the place after a run in a list.
func cursor(id string) string {
	u := uuid.MustParse(id) // the store's own
	return base64.RawURLEncoding.EncodeToString(append([]byte{cursorPrefix}, u[:]...))
}

func parseCursor(s string) (id string, err error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(data) != 17 || data[0] != cursorPrefix {
		return "", invalid("query.cursor", "is none that was given")
	}
	return uuid.UUID(slices.Clone(data[1:])).String(), nil
}

func (s *Server) get(ctx context.Context, in *RunParams) (*body[run.Run], error) {
	project, err := projectOf(ctx, in.ProjectParam)
	if err != nil {
		return nil, err
	}
	r, err := s.Store.Get(ctx, project, in.ID)
	return &body[run.Run]{r}, err
}

func (s *Server) cancel(ctx context.Context, in *RunParams) (*runOutput, error) {
	project, err := projectOf(ctx, in.ProjectParam)
	if err != nil {
		return nil, err
	}
	r, asked, err := s.Store.Cancel(ctx, project, in.ID)
	out := &runOutput{Status: http.StatusAccepted, Location: "/v1/runs/" + r.ID, Body: r}
	if !asked {
		out.Status = http.StatusOK
	}
	return out, err
}

func (s *Server) retry(ctx context.Context, in *retryInput) (*runOutput, error) {
	project, err := projectOf(ctx, in.ProjectParam)
	if err != nil {
		return nil, err
	}
	made, created, err := s.Store.Retry(ctx, project, in.ID, in.Key)
	return madeRun(made, created, err)
}

func (s *Server) result(ctx context.Context, in *RunParams) (*body[run.Result], error) {
	project, err := projectOf(ctx, in.ProjectParam)
	if err != nil {
		return nil, err
	}
	r, err := s.Store.Result(ctx, project, in.ID)
	return &body[run.Result]{r}, err
}
