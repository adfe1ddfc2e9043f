package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/pikasTech/agentrun/agentrun/client"
	"github.com/pikasTech/agentrun/internal/fail"
)

// patience is how long the manager may be away before a command gives up; a watch
// has more of it, since a release of the manager should not end it.
const (
	patience      = 20 * time.Second
	watchPatience = 10 * time.Minute
)

// connect makes the client that the configuration says. Nothing is asked yet.
func (a *app) connect() (*client.Client, error) {
	c, err := settings(a.flags)
	if err != nil {
		return nil, err
	}
	to, err := client.New(c.URL, c.Token)
	if err != nil {
		return nil, &fail.Error{Code: fail.Usage, Err: err}
	}
	to.Project, to.Patience = c.Project, patience
	to.Waiting = func(why error, wait time.Duration) {
		a.note("%v; trying again in %.1fs", why, wait.Seconds())
	}
	return to, nil
}

// hintOf says what to do about what the manager refuses.
func hintOf(p *client.Problem) string {
	switch {
	case p.Code == "run_not_ended":
		return "see it to its end with agentrun watch, or end it with agentrun cancel"
	case p.Code == "idempotency_key_reused":
		return "take another --idempotency-key for another request"
	case p.Status == http.StatusUnauthorized:
		return "the token is unknown, revoked or over: get another"
	case p.Status == http.StatusForbidden:
		return "use a token with the scope that this needs"
	case p.Status == http.StatusNotFound:
		return "see agentrun list; the runs of other projects are not found either"
	case p.Status == http.StatusServiceUnavailable:
		return "the manager is not ready: try again later"
	}
	return ""
}

// runID checks an argument before anybody is asked.
func runID(arg string) (string, error) {
	id, err := uuid.Parse(arg)
	if err != nil || len(arg) != len(id.String()) {
		return "", &fail.Error{Code: fail.Usage, Err: fmt.Errorf("%q is not the id of a run", arg), Hint: "see agentrun list"}
	}
	return id.String(), nil
}

// verbOn is the client and the run that a verb is about.
func (a *app) verbOn(arg string) (*client.Client, string, error) {
	id, err := runID(arg)
	if err != nil {
		return nil, "", err
	}
	c, err := a.connect()
	return c, id, err
}

// notSucceeded is the exit code's error of a run that ended otherwise.
func notSucceeded(format string, args ...any) error {
	return &fail.Error{Code: fail.Differs, Err: fmt.Errorf(format, args...), Hint: "see agentrun show and agentrun artifacts, or repeat it with agentrun retry"}
}
