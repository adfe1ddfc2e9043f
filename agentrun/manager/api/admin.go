package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// profileFields is a run.Profile with what its document says of it.
type profileFields struct {
	Name            string       `json:"name" doc:"As in the path"`
	Model           string       `json:"model,omitempty" doc:"The one of Codex's configuration when it is not given"`
	Effort          string       `json:"effort,omitempty" doc:"Of reasoning"`
	ApprovalPolicy  string       `json:"approvalPolicy" enum:"never,on-request,untrusted"`
	Approvals       run.Decision `json:"approvals" enum:"accept,decline,fail" doc:"What is answered when the agent asks"`
	Sandbox         string       `json:"sandbox" enum:"danger-full-access,workspace-write,read-only"`
	DeadlineSeconds int          `json:"deadlineSeconds" minimum:"1" maximum:"86400"`
	StallSeconds    int          `json:"stallSeconds" minimum:"1" maximum:"86400" doc:"Of silence while no command runs"`
	MaxAttempts     int          `json:"maxAttempts" minimum:"1" maximum:"10"`
}

// NameParam names what the path is about.
type NameParam struct {
	Name string `path:"name"`
}

type profileInput struct {
	NameParam
	Body profileFields
}

type profileList struct {
	Profiles []run.Profile `json:"profiles"`
}

func (s *Server) profileRoutes(api huma.API) {
	register(s, api, s.needs(api, huma.Operation{
		OperationID: "list-profiles", Method: http.MethodGet, Path: "/v1/profiles", Tags: []string{"profiles"}, Summary: "The profiles, by name",
	}, store.ReadRuns), func(ctx context.Context, _ *struct{}) (*body[profileList], error) {
		all, err := s.Store.Profiles(ctx)
		return &body[profileList]{profileList{all}}, err
	})
	register(s, api, s.needs(api, huma.Operation{
		OperationID: "put-profile", Method: http.MethodPut, Path: "/v1/profiles/{name}", Tags: []string{"profiles"},
		Summary: "Make or change a profile", Description: "Runs that were submitted before keep what it was then.",
	}, store.Admin), func(ctx context.Context, in *profileInput) (*body[run.Profile], error) {
		p := run.Profile(in.Body)
		if p.Name != in.Name {
			return nil, invalid("body.name", "is not the name in the path")
		}
		if err := flawed(p.Check()); err != nil {
			return nil, err
		}
		return &body[run.Profile]{p}, s.Store.PutProfile(ctx, p)
	})
}

type projectInput struct {
	NameParam
	Body struct {
		MaxRunning int `json:"maxRunning" minimum:"0" maximum:"100000" doc:"Runs that may be starting or running at once"`
	}
}

func (s *Server) projectRoutes(api huma.API) {
	register(s, api, s.needs(api, huma.Operation{
		OperationID: "get-project", Method: http.MethodGet, Path: "/v1/projects/{name}", Tags: []string{"projects"}, Summary: "One project",
	}, store.Admin), func(ctx context.Context, in *NameParam) (*body[store.Project], error) {
		if !run.IsName(in.Name) {
			return nil, store.ErrNotFound
		}
		p, err := s.Store.Project(ctx, in.Name)
		return &body[store.Project]{p}, err
	})
	register(s, api, s.needs(api, huma.Operation{
		OperationID: "put-project", Method: http.MethodPut, Path: "/v1/projects/{name}", Tags: []string{"projects"}, Summary: "Make or change a project",
	}, store.Admin), func(ctx context.Context, in *projectInput) (*body[store.Project], error) {
		if !run.IsName(in.Name) {
			return nil, invalid("path.name", "is not a name")
		}
		p := store.Project{Name: in.Name, MaxRunning: in.Body.MaxRunning}
		return &body[store.Project]{p}, s.Store.PutProject(ctx, p)
	})
}

type tokenInput struct {
	Body struct {
		Name      string     `json:"name" minLength:"1" maxLength:"100" pattern:"^[ -~]+$" doc:"What it is for"`
		Project   string     `json:"project,omitempty" doc:"None for an administrator's"`
		Scopes    []string   `json:"scopes" minItems:"1" maxItems:"3" enum:"runs:read,runs:write,admin"`
		ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	}
}

type newToken struct {
	Token store.Token `json:"token"`
	Value string      `json:"value" doc:"The token itself. It is shown this once"`
}

type tokenList struct {
	Tokens []store.Token `json:"tokens"`
}

type tokenParam struct {
	ID string `path:"id"`
}

func (s *Server) tokenRoutes(api huma.API) {
	register(s, api, s.needs(api, huma.Operation{
		OperationID: "list-tokens", Method: http.MethodGet, Path: "/v1/tokens", Tags: []string{"tokens"}, Summary: "All tokens, without their values",
	}, store.Admin), func(ctx context.Context, _ *struct{}) (*body[tokenList], error) {
		all, err := s.Store.Tokens(ctx)
		return &body[tokenList]{tokenList{all}}, err
	})
	register(s, api, s.needs(api, huma.Operation{
		OperationID: "create-token", Method: http.MethodPost, Path: "/v1/tokens", Tags: []string{"tokens"}, DefaultStatus: http.StatusCreated,
		Summary: "Make a token", Description: "Its value is in this answer and can never be had again.",
	}, store.Admin), s.createToken)
	register(s, api, s.needs(api, huma.Operation{
		OperationID: "revoke-token", Method: http.MethodDelete, Path: "/v1/tokens/{id}", Tags: []string{"tokens"}, DefaultStatus: http.StatusNoContent,
		Summary: "End a token, for good",
	}, store.Admin), func(ctx context.Context, in *tokenParam) (*struct{}, error) {
		return nil, s.Store.RevokeToken(ctx, in.ID)
	})
}

// secretOutput is never to be kept on the way.
type secretOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         newToken
}

func (s *Server) createToken(ctx context.Context, in *tokenInput) (*secretOutput, error) {
	b := in.Body
	if admin := slices.Contains(b.Scopes, store.Admin); admin != (b.Project == "") {
		return nil, invalid("body.project", "is for tokens that are not an administrator's, and they need it")
	}
	if b.Project != "" && !run.IsName(b.Project) {
		return nil, invalid("body.project", "is not a name")
	}
	if b.ExpiresAt != nil && (b.ExpiresAt.Year() > 9999 || b.ExpiresAt.Before(s.Store.Now())) {
		return nil, invalid("body.expiresAt", "is not in the future")
	}
	t, value, err := s.Store.CreateToken(ctx, store.Token{Name: b.Name, Project: b.Project, Scopes: b.Scopes, ExpiresAt: b.ExpiresAt})
	return &secretOutput{"no-store", newToken{t, value}}, err
}
