package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// Problem is what is answered instead of what was asked for (RFC 9457).
type Problem struct {
	Title     string       `json:"title" doc:"What the status means"`
	Status    int          `json:"status" doc:"The HTTP status"`
	Code      string       `json:"code" doc:"A word for programs, such as run_not_ended"`
	Detail    string       `json:"detail" doc:"What is wrong, for people"`
	Errors    []FieldError `json:"errors,omitempty" doc:"What is wrong with each field"`
	NextEvent int64        `json:"nextEvent,omitzero" doc:"With event_gap: the number to begin with"`
}

// FieldError is what is wrong with one field of a request.
type FieldError struct {
	Location string `json:"location" doc:"Such as body.labels.team or query.limit"`
	Message  string `json:"message"`
}

var problemType = reflect.TypeFor[Problem]()

func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of a problem, whatever was asked for.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders says when to try again, and what kind of credential is missing.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{"Cache-Control": {"no-store"}}
	switch p.Status {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	}
	return h
}

func refuse(status int, code, detail string, fields ...FieldError) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Code: code, Detail: detail, Errors: fields}
}

func invalid(location, message string) *Problem {
	return refuse(http.StatusUnprocessableEntity, "invalid", "the request is not as it must be", FieldError{location, message})
}

// flawed refuses a body that package run finds flaws in, or is nil.
func flawed(flaws []run.Flaw) error {
	if len(flaws) == 0 {
		return nil
	}
	p := refuse(http.StatusUnprocessableEntity, "invalid", "the request is not as it must be")
	for _, f := range flaws {
		p.Errors = append(p.Errors, FieldError{"body." + f.Field, f.Why})
	}
	return p
}

// problem puts err into words for the one who asked. What is AgentRun's own fault is
// logged and told to nobody else.
func (s *Server) problem(ctx context.Context, operation string, err error) error {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if gap, ok := errors.AsType[*store.GapError](err); ok {
		p := refuse(http.StatusConflict, "event_gap", "events before these are missing")
		p.NextEvent = gap.Next
		return p
	}
	for _, known := range [...]struct {
		err          error
		status       int
		code, detail string
	}{
		{store.ErrNotFound, http.StatusNotFound, "not_found", "there is no such thing, or it is another project's"},
		{store.ErrKeyReused, http.StatusConflict, "idempotency_key_reused", "the key was used for another request"},
		{store.ErrNotEnded, http.StatusConflict, "run_not_ended", "the run has not ended yet"},
		{store.ErrNoProject, http.StatusNotFound, "no_such_project", "there is no such project"},
		{store.ErrArtifact, http.StatusConflict, "artifact_refused", "the artifact is there with other content, or the attempt has too many"},
		{run.ErrSuperseded, http.StatusConflict, "attempt_superseded", "the attempt is not the run's any more, or has ended"},
	} {
		if errors.Is(err, known.err) {
			return refuse(known.status, known.code, known.detail)
		}
	}
	if errors.Is(err, store.ErrNoProfile) {
		return invalid("body.profile", "is none that exists")
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return refuse(http.StatusServiceUnavailable, "cancelled", "the request was given up")
	}
	if store.Unavailable(err) {
		s.Log.Warn("not available", "operation", operation, "error", err.Error())
		return unavailable()
	}
	s.Log.Error("a request failed", "operation", operation, "error", err.Error())
	return refuse(http.StatusInternalServerError, "internal", "AgentRun failed; its log says why")
}

func unavailable() *Problem {
	return refuse(http.StatusServiceUnavailable, "unavailable", "AgentRun cannot answer now; try again")
}

// Unavailable answers for an API that cannot be asked yet, as the API itself does when
// Postgres cannot answer.
func Unavailable(w http.ResponseWriter) {
	p := unavailable()
	maps.Copy(w.Header(), p.GetHeaders())
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = marshal(w, p) // the one who asked is gone; there is nobody to tell
}

// codes are the words for what the library refuses by itself.
var codes = map[int]string{
	http.StatusBadRequest:            "bad_request",
	http.StatusNotAcceptable:         "not_acceptable",
	http.StatusRequestTimeout:        "too_slow",
	http.StatusRequestEntityTooLarge: "too_large",
	http.StatusUnsupportedMediaType:  "unsupported_media_type",
	http.StatusUnprocessableEntity:   "invalid",
}

// asProblem turns the library's errors into Problems, without the values that they
// would repeat.
func asProblem(_ huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	code, known := codes[e.Status]
	if !known {
		return refuse(e.Status, "internal", "AgentRun failed; its log says why"), nil
	}
	p := refuse(e.Status, code, e.Detail)
	for _, d := range e.Errors {
		if d != nil {
			p.Errors = append(p.Errors, FieldError{d.Location, d.Message})
		}
	}
	return p, nil
}
