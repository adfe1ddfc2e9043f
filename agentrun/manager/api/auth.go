package api

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// PodIdentity is what a runner's token says of its pod.
type PodIdentity struct {
	Namespace      string
	ServiceAccount string
	PodName        string
	PodUID         string
}

// What refuses a runner for good.
var (
	ErrToken = errors.New("the token is not one of a runner's pod")
	ErrPod   = errors.New("the pod is not one of the attempt")
)

// callerKey and runnerKey are keys of a request's context.
type (
	callerKey struct{}
	runnerKey struct{}
)

// runner is who asks the runner API.
type runner struct {
	pod     PodIdentity
	runID   string
	attempt int
}

// needs makes an operation one for tokens with that scope.
func (s *Server) needs(api huma.API, op huma.Operation, scope string) huma.Operation {
	op.Security = []map[string][]string{{"token": {scope}}}
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		token, err := s.caller(ctx.Context(), ctx.Header("Authorization"), scope)
		if err != nil {
			s.write(api, ctx, err)
			return
		}
		next(huma.WithValue(ctx, callerKey{}, token))
	})
	return op
}

func (s *Server) caller(ctx context.Context, header, scope string) (store.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	value, ok := bearer(header)
	if !ok {
		return store.Token{}, refuse(http.StatusUnauthorized, "token_missing", "the request has no bearer token")
	}
	token, err := s.Store.Authenticate(ctx, value)
	if errors.Is(err, store.ErrNotFound) {
		return store.Token{}, refuse(http.StatusUnauthorized, "token_unknown", "the token is unknown, revoked or expired")
	}
	if err != nil {
		return store.Token{}, err
	}
	if !slices.Contains(token.Scopes, scope) && !slices.Contains(token.Scopes, store.Admin) {
		return store.Token{}, refuse(http.StatusForbidden, "scope_missing", "the token has no scope "+scope)
	}
	return token, nil
}

func bearer(header string) (string, bool) {
	scheme, value, _ := strings.Cut(header, " ")
	value = strings.TrimSpace(value)
	return value, strings.EqualFold(scheme, "Bearer") && value != ""
}

// write answers err from a middleware.
func (s *Server) write(api huma.API, ctx huma.Context, err error) {
	p, ok := errors.AsType[*Problem](s.problem(ctx.Context(), ctx.Operation().OperationID, err))
	if !ok {
		p = unavailable()
	}
	for name, values := range p.GetHeaders() {
		ctx.SetHeader(name, values[0])
	}
	ctx.SetHeader("Content-Type", p.ContentType(""))
	ctx.SetStatus(p.Status)
	if err := api.Marshal(ctx.BodyWriter(), "application/json", p); err != nil {
		s.Log.Debug("an answer was not taken", "error", err.Error())
	}
}

// ProjectParam names a project, for administrators.
type ProjectParam struct {
	Project string `query:"project" doc:"For administrators: the project; any when it is not given"`
}

// projectOf is the project that a request is about; store.AnyProject for an
// administrator who named none.
func projectOf(ctx context.Context, p ProjectParam) (string, error) {
	token, _ := ctx.Value(callerKey{}).(store.Token)
	switch {
	case p.Project != "" && !run.IsName(p.Project):
		return "", invalid("query.project", "is not a name")
	case slices.Contains(token.Scopes, store.Admin):
		return p.Project, nil
	case token.Project == "": // no token is like that; it must not see all for it
		return "", refuse(http.StatusForbidden, "scope_missing", "the token has no project")
	case p.Project != "" && p.Project != token.Project:
		return "", store.ErrNoProject
	}
	return token.Project, nil
}

// podName is the name of a runner's pod: its Job's name and what Kubernetes adds.
var podName = regexp.MustCompile(`^run-([0-9a-f]{32})-([1-9][0-9]{0,2})-[a-z0-9]+$`)

// forRunners makes an operation one for runners.
func (s *Server) forRunners(api huma.API, op huma.Operation) huma.Operation {
	op.Security = []map[string][]string{{"runner": {}}}
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		r, err := s.runner(ctx.Context(), ctx.Header("Authorization"))
		if err != nil {
			s.write(api, ctx, err)
			return
		}
		next(huma.WithValue(ctx, runnerKey{}, r))
	})
	return op
}

func (s *Server) runner(ctx context.Context, header string) (runner, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	value, ok := bearer(header)
	if !ok {
		return runner{}, refuse(http.StatusUnauthorized, "token_missing", "the request has no bearer token")
	}
	pod, err := s.Attempt(ctx, value)
	if errors.Is(err, ErrToken) {
		return runner{}, refuse(http.StatusUnauthorized, "token_unknown", "the token is not one of a runner's pod")
	}
	if err != nil {
		s.Log.Warn("a runner's token could not be checked", "error", err.Error())
		return runner{}, unavailable()
	}
	m := podName.FindStringSubmatch(pod.PodName)
	if m == nil || pod.PodUID == "" {
		return runner{}, refuse(http.StatusForbidden, "not_a_runner", "the token's pod is not one of an attempt")
	}
	id, err := uuid.Parse(m[1])
	if err != nil {
		return runner{}, refuse(http.StatusForbidden, "not_a_runner", "the token's pod is not one of an attempt")
	}
	attempt, err := strconv.Atoi(m[2])
	if err != nil {
		return runner{}, refuse(http.StatusForbidden, "not_a_runner", "the token's pod is not one of an attempt")
	}
	return runner{pod, id.String(), attempt}, nil
}

func runnerOf(ctx context.Context) runner {
	r, _ := ctx.Value(runnerKey{}).(runner)
	return r
}
