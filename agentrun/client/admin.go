package client

import (
	"context"
	"net/http"
	"time"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// Profiles are the ways of running that there are.
func (c *Client) Profiles(ctx context.Context) ([]run.Profile, error) {
	var out struct {
		Profiles []run.Profile `json:"profiles"`
	}
	return out.Profiles, c.call(ctx, request{method: http.MethodGet, path: []string{"v1", "profiles"}}, &out)
}

// PutProfile makes the profile or replaces it. It needs a token for administration.
func (c *Client) PutProfile(ctx context.Context, p run.Profile) (run.Profile, error) {
	var out run.Profile
	return out, c.call(ctx, request{method: http.MethodPut, path: []string{"v1", "profiles", p.Name}, body: p}, &out)
}

// Token is an API token as the manager knows it.
type Token struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Project   string     `json:"project,omitempty"` // "" for administration
	Scopes    []string   `json:"scopes"`
	CreatedAt time.Time  `json:"createdAt"`
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	RevokedAt *time.Time `json:"revokedAt,omitempty"`
}

// TokenRequest is what a new token shall be.
type TokenRequest struct {
	Name      string     `json:"name"`
	Project   string     `json:"project,omitzero"`
	Scopes    []string   `json:"scopes"`
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
}

// Tokens are the API tokens. It needs a token for administration, as the next two.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	var out struct {
		Tokens []Token `json:"tokens"`
	}
	return out.Tokens, c.call(ctx, request{method: http.MethodGet, path: []string{"v1", "tokens"}}, &out)
}

// NewToken is a token that was just made, with its value, which is shown this once.
type NewToken struct {
	Token Token  `json:"token"`
	Value string `json:"value"`
}

// CreateToken makes a token. It is not asked for twice: the second would be another.
func (c *Client) CreateToken(ctx context.Context, r TokenRequest) (NewToken, error) {
	var out NewToken
	return out, c.call(ctx, request{method: http.MethodPost, path: []string{"v1", "tokens"}, body: r, again: unreached}, &out)
}

// RevokeToken ends a token.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: []string{"v1", "tokens", id}}, nil)
}

// Project is who runs belong to.
type Project struct {
	Name       string `json:"name"`
	MaxRunning int    `json:"maxRunning"` // runs that may be under way at once
}

// GetProject is the project of that name. It needs a token for administration, as
// PutProject.
func (c *Client) GetProject(ctx context.Context, name string) (Project, error) {
	var out Project
	return out, c.call(ctx, request{method: http.MethodGet, path: []string{"v1", "projects", name}}, &out)
}

// PutProject makes the project or changes it.
func (c *Client) PutProject(ctx context.Context, p Project) (Project, error) {
	var out Project
	body := map[string]int{"maxRunning": p.MaxRunning}
	return out, c.call(ctx, request{method: http.MethodPut, path: []string{"v1", "projects", p.Name}, body: body}, &out)
}
