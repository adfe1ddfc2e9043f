package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/secrets"
)

func (a *app) secretsWebhook(w *secretWriter) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "webhook",
		Short: "What a git host signs its pushes with, made at random",
		Long: `webhook makes the Secret that the listener of lane objects triggers checks the
signature of a push with: a random value, which is not printed. --write puts it into
a new file that only you can read, for the settings of the webhook; delete the file
then. Without it the value is in the cluster alone.

create refuses when the Secret is there: another value would make the pushes of
every webhook that has the old one invalid. That is what rotate is for.`,
		Example: `  lane secrets create webhook --write webhook-secret`,
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx := cmd.Context()
			src, err := a.source(ctx, w.commit, "")
			if err != nil {
				return err
			}
			s := secrets.Webhook(src.names)
			if !w.rotate {
				if err := w.absent(cmd, s); err != nil {
					return err
				}
			}
			if file != "" && !w.dryRun {
				if tracked, err := src.tracks(ctx, file); err != nil {
					return err
				} else if tracked {
					return fail.Refuse("D3", file, "name a file that git does not track", "no step writes a file of the source branch")
				}
				if err := writeSecretFile(file, s.Value(secrets.KeyWebhook)); err != nil {
					return err
				}
				defer func() {
					if err != nil {
						_ = os.Remove(file) // what it has is in no cluster
					}
				}()
			}
			return w.write(ctx, src, s, tektonHint)
		},
	}
	cmd.Flags().StringVar(&file, "write", "", "write the value to this new `file` too, readable by you alone")
	return cmd
}

// absent refuses a Secret that is there already.
func (w *secretWriter) absent(cmd *cobra.Command, s *secrets.Secret) error {
	c, err := w.to.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer c.Close()
	where := "Secret " + s.Namespace + "/" + s.Name
	there, err := c.Metadata(cmd.Context(), secretObjects, s.Namespace, kube.Selection{Fields: "metadata.name=" + s.Name})
	if err != nil {
		return fmt.Errorf("looking for %s: %w", where, err)
	}
	for _, o := range there.Items {
		if o.Name == s.Name {
			return fail.Fail(where, "give it a new value with lane secrets rotate "+w.verb, "it is there already")
		}
	}
	return nil
}

// writeSecretFile writes a value to a file that was not there, for its owner alone.
func writeSecretFile(name, value string) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fail.Fail(name, "name a new file, or delete that one", "it is there already, and is not written over")
	}
	if err == nil {
		_, err = f.WriteString(value)
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			_ = os.Remove(name)
		}
	}
	if err != nil {
		return fail.Fail(name, "choose a folder that can be written and has room", "writing the file: %w", cause(err))
	}
	return nil
}
