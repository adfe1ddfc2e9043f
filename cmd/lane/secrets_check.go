package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/internal/postgres"
	"github.com/pikasTech/agentrun/lane/secrets"
)

func (a *app) secretsCheck() *cobra.Command {
	var from cluster
	var commit string
	c := secretChecker{app: a}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Whether each Secret is there, is the lane's, and can be used",
		Long: `check reads every Secret that the intent declares and those that the lane's runs
mount: whether it is there, with the declared keys and the lane's labels, written by
lane alone; whether DATABASE_URL is encoded, names the lane's database and really
signs in; whether Codex, git and the promotion can use theirs. It prints names and
fingerprints of public keys, never a value, and writes nothing.

What cannot be seen or reached from here is unknown, and the lane's Secrets are then
not said to be good. A database that only the cluster reaches is left out with
--skip-connect.

Exit code 3 means that something is contradicted or unknown.`,
		Example: `  lane secrets check
  lane secrets check --skip-connect -o json`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx := cmd.Context()
			if c.src, err = a.source(ctx, commit, ""); err != nil {
				return err
			}
			if c.database == "" {
				c.database = c.src.names.Database
			}
			if c.kube, err = from.connect(ctx); err != nil {
				return err
			}
			defer c.kube.Close()
			return c.run(ctx)
		},
	}
	cmd.Flags().StringVar(&commit, "commit", "HEAD", "the source `commit` whose intent counts")
	cmd.Flags().StringVar(&c.database, "database", "", "the database's `name` (default: the lane's own)")
	cmd.Flags().BoolVar(&c.skipConnect, "skip-connect", false, "do not sign in to the database")
	from.flags(cmd)
	return cmd
}

// secretChecker looks at every Secret of a lane.
type secretChecker struct {
	app         *app
	src         *source
	kube        *kube.Client
	database    string
	skipConnect bool
}

// secretsDocument is what `lane secrets check -o json` prints.
type secretsDocument struct {
	header
	SourceCommitID string          `json:"sourceCommitId"`
	State          secrets.State   `json:"state"` // the worst of all findings
	Secrets        []checkedSecret `json:"secrets"`
}

type checkedSecret struct {
	Namespace string            `json:"namespace"`
	Name      string            `json:"name"`
	Keys      []string          `json:"keys"` // that it should have
	State     secrets.State     `json:"state"`
	Findings  []secrets.Finding `json:"findings"`
}

func (c *secretChecker) run(ctx context.Context) error {
	doc := secretsDocument{header: headerOf("SecretsCheck"), SourceCommitID: c.src.commit, State: secrets.Matched, Secrets: []checkedSecret{}}
	for _, w := range secrets.All(c.src.intent, c.src.names) {
		found, err := c.look(ctx, w)
		if err != nil {
			return err
		}
		s := checkedSecret{w.Namespace, w.Name, w.Keys, secrets.Matched, found}
		for _, f := range found {
			s.State = worse(s.State, f.State)
		}
		doc.State = worse(doc.State, s.State)
		doc.Secrets = append(doc.Secrets, s)
	}
	if err := c.app.emit(doc, func(w io.Writer) { writeSecrets(w, &doc) }); err != nil {
		return err
	}
	if doc.State != secrets.Matched {
		return &fail.Error{Code: fail.Differs, Err: errors.New("not every Secret is there and known to be good")}
	}
	return nil
}

// worse is the state that counts for two findings.
func worse(a, b secrets.State) secrets.State {
	switch {
	case a == secrets.Contradicted || b == secrets.Contradicted:
		return secrets.Contradicted
	case a == secrets.Unknown || b == secrets.Unknown:
		return secrets.Unknown
	}
	return secrets.Matched
}

// look judges one Secret. The error is the caller's own interruption.
func (c *secretChecker) look(ctx context.Context, w secrets.Wanted) ([]secrets.Finding, error) {
	obj, err := c.kube.Get(ctx, secretObjects, w.Namespace, w.Name)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case kube.IsNotFound(err):
		return []secrets.Finding{{What: "Secret", State: secrets.Contradicted, Rule: "G5", Why: "it is not there", Hint: w.Make("create")}}, nil
	case err != nil:
		return []secrets.Finding{{What: "Secret", State: secrets.Unknown, Rule: "G5", Why: safe(err.Error()), Hint: fail.HintOf(err)}}, nil
	}
	found := w.Look(obj, c.database)
	if w.Verb != secrets.VerbPostgres {
		return found, nil
	}
	connect := secrets.Finding{What: "sign in", State: secrets.Skipped, Rule: "G6", Why: "it was not tried"}
	url, good := w.DatabaseURL(obj, c.database)
	if good && !c.skipConnect {
		err := postgres.Try(ctx, url, c.database)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		connect = signIn(err, c.database)
	}
	return append(found, connect), nil
}

// signIn is what signing in to the database came to.
func signIn(err error, database string) secrets.Finding {
	f := secrets.Finding{What: "sign in", State: secrets.Matched, Rule: "G6", Why: "the server lets it into " + database}
	if e, ok := errors.AsType[*postgres.Error](err); ok {
		f.State, f.Why = secrets.Unknown, e.Why
		f.Hint = "run it where the database can be reached, or leave this out with --skip-connect"
		if e.Refused {
			f.State, f.Hint = secrets.Contradicted, "see whether the role and the database are there, then lane secrets rotate postgres"
		}
	}
	return f
}

func writeSecrets(w io.Writer, doc *secretsDocument) {
	sign := map[secrets.State]string{secrets.Matched: "=", secrets.Contradicted: "!", secrets.Unknown: "?", secrets.Skipped: "-"}
	for _, s := range doc.Secrets {
		fmt.Fprintf(w, "Secret %s/%s with %s: %s\n", s.Namespace, s.Name, strings.Join(s.Keys, " and "), s.State)
		for _, f := range s.Findings {
			fmt.Fprintf(w, "  %s %-3s %s: %s\n", sign[f.State], f.Rule, f.What, f.Why)
			if f.Hint != "" {
				fmt.Fprintf(w, "      hint: %s\n", f.Hint)
			}
		}
	}
}
