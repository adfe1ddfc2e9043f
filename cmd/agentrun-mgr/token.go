package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/agentrun/manager"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

func tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Tokens for the API",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return usageError(errors.New("token needs a command")) },
	}
	cmd.AddCommand(tokenCreateCommand())
	return cmd
}

// tokenRequest is what a user wants of a token.
type tokenRequest struct {
	admin   bool
	project string
	name    string
	scopes  []string
	expires time.Duration
}

func (r tokenRequest) token(now time.Time) (store.Token, error) {
	t := store.Token{Name: r.name, Project: r.project, Scopes: r.scopes}
	if r.admin {
		t.Scopes = []string{store.Admin}
	}
	switch {
	case r.admin == (r.project != ""):
		return t, errors.New("either --admin or --project is needed")
	case r.admin && len(r.scopes) > 0:
		return t, errors.New("--scope is not for --admin, which may do everything")
	case r.project != "" && !run.IsName(r.project):
		return t, fmt.Errorf("the project is %q, not a DNS label", r.project)
	case r.name == "" || len(r.name) > 100 || strings.ContainsFunc(r.name, func(c rune) bool { return c < ' ' || c > '~' }):
		return t, errors.New("the name is not printable ASCII, up to 100 characters")
	case r.expires < 0:
		return t, fmt.Errorf("--expires is %v, which is over", r.expires)
	}
	if r.project != "" && len(r.scopes) == 0 {
		t.Scopes = []string{store.ReadRuns, store.WriteRuns}
	}
	for _, scope := range t.Scopes {
		if !r.admin && !slices.Contains([]string{store.ReadRuns, store.WriteRuns}, scope) {
			return t, fmt.Errorf("the scope is %q, not %s or %s", scope, store.ReadRuns, store.WriteRuns)
		}
	}
	if r.expires > 0 {
		at := now.Add(r.expires)
		t.ExpiresAt = &at
	}
	return t, nil
}

func tokenCreateCommand() *cobra.Command {
	var r tokenRequest
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Makes a token and prints it",
		Long: `create makes a token straight in the database of DATABASE_URL and prints it, alone,
on stdout. It can never be had again; the database keeps a hash. A project that
does not exist yet is made.

Once there is an administrator's token, POST /v1/tokens does the same.`,
		Example: `  agentrun-mgr token create --admin
  agentrun-mgr token create --project shop --scope runs:read --expires 720h`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := r.token(time.Now())
			if err != nil {
				return usageError(err)
			}
			s, closeStore, err := manager.OpenStore(cmd.Context(), os.Getenv("DATABASE_URL"))
			if err != nil {
				return err
			}
			defer closeStore()
			if t.Project != "" {
				if err := s.EnsureProject(cmd.Context(), t.Project); err != nil {
					return err
				}
			}
			t, value, err := s.CreateToken(cmd.Context(), t)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "token %s with %s\n", t.ID, strings.Join(t.Scopes, ", "))
			_, err = fmt.Fprintln(cmd.OutOrStdout(), value)
			return err
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&r.admin, "admin", false, "for administration: everything, in every project")
	flags.StringVar(&r.project, "project", "", "for the runs of this `project`")
	flags.StringSliceVar(&r.scopes, "scope", nil, "runs:read or runs:write; both unless told")
	flags.StringVar(&r.name, "name", "bootstrap", "what it is `for`")
	flags.DurationVar(&r.expires, "expires", 0, "how long it is valid; 0 is until it is revoked")
	return cmd
}
