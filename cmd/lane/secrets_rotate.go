package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/internal/postgres"
	"github.com/pikasTech/agentrun/lane/secrets"
)

func (a *app) secretsRotate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Give a Secret that is there new values",
		Long: `rotate replaces all values of one of the lane's Secrets, by one server-side apply:
whoever reads it gets all of the old ones or all of the new ones. Values come from
files, or from the standard input as "-", never from the command line, and nothing
prints them. --dry-run tells names and keys alone.

Services whose pods read the Secret when they start go on with the old values. For
them a PipelineRun of what is released is made, which builds nothing: it promotes a
new, random generation, and Argo CD replaces their pods. Jobs and runs read the new
values by themselves. A lane that is held stays at its release.`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.secretKinds(true)...)
	return cmd
}

// replaces makes obj one that only takes the place of the Secret that is there. No
// value of it is read.
func (w *secretWriter) replaces(ctx context.Context, c *kube.Client, obj *unstructured.Unstructured) error {
	where := "Secret " + obj.GetNamespace() + "/" + obj.GetName()
	there, err := c.Metadata(ctx, secretObjects, obj.GetNamespace(), kube.Selection{Fields: "metadata.name=" + obj.GetName()})
	if err != nil {
		return fmt.Errorf("looking for %s: %w", where, err)
	}
	for _, o := range there.Items {
		if o.Name == obj.GetName() && o.UID != "" {
			obj.SetUID(o.UID)
			return nil
		}
	}
	return fail.Fail(where, "make it with lane secrets create "+w.verb, "there is no such Secret to rotate")
}

// works signs in with the URL before services have to (rule G6). A database that this
// machine does not reach is told, and is no hindrance.
func (w *secretWriter) works(ctx context.Context, s *secrets.Secret, database string) error {
	err := postgres.Try(ctx, s.Value(secrets.KeyDatabaseURL), database)
	e, ok := errors.AsType[*postgres.Error](err)
	switch {
	case !ok:
		return err
	case e.Refused:
		return fail.Refuse("G6", "the database's URL", "change the role's password in the database first, or give the one that it has", "%s", e.Why)
	}
	w.app.note("not tried whether the URL signs in: %s", e.Why)
	return nil
}
