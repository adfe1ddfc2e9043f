package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/agentrun/client"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/plain"
)

func (a *app) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "token",
		Short:   "Make, list and revoke API tokens (needs a token for administration)",
		Example: "  agentrun token create --for shop --name ci --scope runs:read --scope runs:write\n  agentrun token list\n  agentrun token revoke 0198c0de-0000-7000-8000-000000000000",
		Args:    knownVerb,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.tokenCreateCommand(), a.tokenListCommand(), a.tokenRevokeCommand())
	return cmd
}

func (a *app) tokenCreateCommand() *cobra.Command {
	var req client.TokenRequest
	var admin bool
	var expires time.Duration
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a token and print it, this once",
		Long: `create prints the new token on standard output. The manager keeps only a hash of it:
it cannot be shown again. When the answer is lost, revoke what token list shows and
make another.`,
		Example: "  agentrun token create --for shop --name ci --scope runs:read --scope runs:write --expires 720h > token",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case req.Name == "":
				return usageError("--name is missing: say what the token is for")
			case admin && (req.Project != "" || len(req.Scopes) > 0):
				return usageError("--admin has every project and scope: leave out --for and --scope")
			case !admin && req.Project == "":
				return usageError("--for or --admin is needed")
			case expires < 0:
				return usageError("--expires %v is in the past", expires)
			}
			switch {
			case admin:
				req.Scopes = []string{"admin"}
			case len(req.Scopes) == 0:
				req.Scopes = []string{"runs:read", "runs:write"}
			}
			if expires > 0 {
				at := time.Now().Add(expires).UTC().Truncate(time.Second)
				req.ExpiresAt = &at
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			t, err := c.CreateToken(cmd.Context(), req)
			if err != nil {
				return err
			}
			if err := a.emit(t, func(w io.Writer) { fmt.Fprintln(w, plain.Line(t.Value, 200)) }); err != nil {
				return err
			}
			a.note("token %s; its value is not shown again", t.Token.ID)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&req.Name, "name", "", "what the token is for")
	flags.StringVar(&req.Project, "for", "", "the `project` that it opens")
	flags.StringArrayVar(&req.Scopes, "scope", nil, "runs:read or runs:write; may be repeated (default: both)")
	flags.BoolVar(&admin, "admin", false, "a token for administration")
	flags.DurationVar(&expires, "expires", 0, "how long it is good, such as 720h; 0 is for ever")
	completeWords(cmd, "scope", "runs:read", "runs:write")
	for _, f := range []string{"name", "for", "expires"} {
		completeWords(cmd, f)
	}
	return cmd
}

func (a *app) tokenListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the tokens, without their values",
		Example: "  agentrun token list",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			all, err := c.Tokens(cmd.Context())
			if err != nil {
				return err
			}
			return a.emit(map[string]any{"tokens": all}, func(w io.Writer) { writeTokens(w, all, time.Now()) })
		},
	}
}

func writeTokens(w io.Writer, all []client.Token, now time.Time) {
	fmt.Fprintf(w, "%-36s  %-8s  %-16s  %-20s  %s\n", "TOKEN", "STATE", "PROJECT", "SCOPES", "NAME")
	for _, t := range all {
		state := "good"
		switch {
		case t.RevokedAt != nil:
			state = "revoked"
		case t.ExpiresAt != nil && t.ExpiresAt.Before(now):
			state = "over"
		}
		fmt.Fprintf(w, "%-36s  %-8s  %-16s  %-20s  %s\n", plain.Line(t.ID, 36), state, orDash(t.Project),
			plain.Line(strings.Join(t.Scopes, ","), 60), plain.Line(t.Name, 100))
	}
}

func (a *app) tokenRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "revoke TOKEN",
		Short:   "End a token, by its id",
		Example: "  agentrun token revoke 0198c0de-0000-7000-8000-000000000000",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := uuid.Parse(args[0])
			if err != nil || len(args[0]) != len(id.String()) {
				// The argument may be the token itself, which is not to be repeated.
				return &fail.Error{Code: fail.Usage, Err: fmt.Errorf("that is not the id of a token"), Hint: "see agentrun token list"}
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			if err := c.RevokeToken(cmd.Context(), id.String()); err != nil {
				return err
			}
			return a.emit(map[string]any{"revoked": id.String()}, func(w io.Writer) { fmt.Fprintln(w, "revoked") })
		},
	}
}
