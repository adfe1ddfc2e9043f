package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/promote"
)

func (a *app) hotfixCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hotfix",
		Short: "Record a change that is made to the live lane by hand",
		Long: `A change by hand is recorded before it is made (rule H3): why, what of which object
it touches, how it is taken back, how it becomes permanent, and until when that has
to be. As long as the record is live, lane verify takes exactly that drift for
matched and says so. What no record covers, and what an expired one did, is
contradicted.

Records are files of the lane's metadata on the GitOps branch. A person writes them
from any machine that may push; they change nothing in the cluster.`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.hotfixRecordCommand(), a.hotfixListCommand(), a.hotfixEndCommand())
	return cmd
}

func (a *app) hotfixRecordCommand() *cobra.Command {
	f := hotfixer{recorder: recorder{app: a}}
	cmd := &cobra.Command{
		Use:   "record NAME",
		Short: "Write the record, or write it anew",
		Long: `record writes what is about to be changed by hand. --scope names an object and its
fields and may be given several times; what is below a field is meant as well. Argo
CD takes a change back at once unless its automation is paused, which is a change
by hand of its own: the scope then has the Application and its
spec.syncPolicy.automated as well.`,
		Example: `  lane hotfix record more-managers --issue '#12' --reason 'the queue is full' \
    --scope Deployment/agentrun-mgr=spec.replicas \
    --way-back 'scale to 2' --follow-up 'replicas in deploy.json, #13' --expires 24h`,
		Args: usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			src, err := a.source(ctx, "HEAD", "")
			if err != nil {
				return err
			}
			f.draft.Name = args[0]
			return f.write(ctx, src)
		},
	}
	x := &f.draft
	cmd.Flags().StringVar(&x.Issue, "issue", "", "the issue or pull request: a `URL`, or such as #12")
	cmd.Flags().StringVar(&x.Reason, "reason", "", "`why` it is done by hand")
	cmd.Flags().StringArrayVar(&f.scope, "scope", nil, "`KIND/NAME=FIELD,…` that may differ, such as Deployment/api=spec.replicas")
	cmd.Flags().StringVar(&x.WayBack, "way-back", "", "`how` the change is taken back")
	cmd.Flags().StringVar(&x.FollowUp, "follow-up", "", "`how` it becomes permanent")
	cmd.Flags().StringVar(&f.expires, "expires", "", "`when` the record ends: 24h, or 2026-01-02T03:04:05Z")
	f.flags(cmd)
	f.to.remoteFlag(cmd)
	return cmd
}

// hotfixer writes records of hotfixes.
type hotfixer struct {
	recorder
	draft   metadata.Hotfix // without who and when
	scope   []string
	expires string
}

func (f *hotfixer) write(ctx context.Context, src *source) error {
	by, err := src.who(ctx, f.by)
	if err != nil {
		return err
	}
	x := f.draft
	x.APIVersion, x.Kind, x.Project, x.Lane, x.By = names.APIVersion, metadata.HotfixKind, src.names.Project, src.names.Lane, by
	if x.Scope, err = scopes(f.scope); err != nil {
		return err
	}
	if f.expires == "" {
		return usageError("--expires is needed: until when the change has to be permanent or taken back")
	}
	out, err := f.record(ctx, src, names.Hotfix, func(_ *promote.Head, now time.Time) (map[string][]byte, []string, error) {
		expires, err := within("expires", f.expires, now)
		if err != nil {
			return nil, nil, err
		}
		x.RecordedAt, x.ExpiresAt = metadata.Stamp(now), metadata.Stamp(expires)
		data, err := x.Encode(src.names)
		return map[string][]byte{metadata.HotfixPath(src.names, x.Name): data}, nil, err
	})
	if err != nil {
		return err
	}
	return f.app.emit(outcomeDocument{headerOf("Recording"), out}, func(w io.Writer) {
		writeRecorded(w, out, fmt.Sprintf("recorded the hotfix %s until %s", x.Name, x.ExpiresAt), "it is recorded so already")
	})
}

// scopes reads KIND/NAME=FIELD,… of each flag.
func scopes(flags []string) ([]metadata.Scope, error) {
	var all []metadata.Scope
	for _, text := range flags {
		object, fields, ok := strings.Cut(text, "=")
		if !ok {
			return nil, usageError("--scope %s: want KIND/NAME=FIELD,FIELD", text)
		}
		all = append(all, metadata.Scope{Object: object, Fields: strings.Split(fields, ",")})
	}
	return all, nil
}

// hotfixesDocument is what `lane hotfix list -o json` prints.
type hotfixesDocument struct {
	header
	Hotfixes []listedHotfix `json:"hotfixes"`
	Problems []string       `json:"problems"`
}

type listedHotfix struct {
	Live   bool            `json:"live"`
	Record metadata.Hotfix `json:"record"`
}

func (a *app) hotfixListCommand() *cobra.Command {
	r := recorder{app: a}
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Show the records, live and expired",
		Example: "  lane hotfix list\n  lane hotfix list -o json",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			src, err := a.source(cmd.Context(), "HEAD", "")
			if err != nil {
				return err
			}
			all, now, err := r.records(cmd.Context(), src)
			if err != nil {
				return err
			}
			doc := hotfixesDocument{headerOf("Hotfixes"), []listedHotfix{}, []string{}}
			for _, x := range all.Hotfixes {
				doc.Hotfixes = append(doc.Hotfixes, listedHotfix{x.Live(now), x})
			}
			for _, problem := range all.Problems {
				doc.Problems = append(doc.Problems, fail.Clean(problem.Error(), 300))
			}
			return a.emit(doc, func(w io.Writer) { writeHotfixes(w, doc) })
		},
	}
	r.to.remoteFlag(cmd)
	return cmd
}

func writeHotfixes(w io.Writer, doc hotfixesDocument) {
	if len(doc.Hotfixes)+len(doc.Problems) == 0 {
		fmt.Fprintln(w, "no hotfix is recorded")
	}
	for _, l := range doc.Hotfixes {
		state := "live"
		if !l.Live {
			state = "expired"
		}
		x := l.Record
		fmt.Fprintf(w, "%s: %s until %s, %s, by %s\n  %s\n", x.Name, state, x.ExpiresAt, x.Issue, x.By, x.Reason)
		for _, s := range x.Scope {
			fmt.Fprintf(w, "  may differ: %s %s\n", s.Object, strings.Join(s.Fields, ", "))
		}
		fmt.Fprintf(w, "  way back: %s\n  follow-up: %s\n", x.WayBack, x.FollowUp)
	}
	for _, problem := range doc.Problems {
		fmt.Fprintf(w, "no record: %s\n", problem)
	}
}

func (a *app) hotfixEndCommand() *cobra.Command {
	r := recorder{app: a}
	cmd := &cobra.Command{
		Use:     "end NAME",
		Short:   "Take a record away: the change is permanent, or taken back",
		Example: "  lane hotfix end more-managers",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			src, err := a.source(ctx, "HEAD", "")
			if err != nil {
				return err
			}
			path := metadata.HotfixPath(src.names, args[0])
			if !metadata.IsHotfix(src.names, path) {
				return usageError("%q is no name of a record", args[0])
			}
			out, err := r.record(ctx, src, names.EndHotfix, func(*promote.Head, time.Time) (map[string][]byte, []string, error) {
				return nil, []string{path}, nil
			})
			if err != nil {
				return err
			}
			return a.emit(outcomeDocument{headerOf("Recording"), out}, func(w io.Writer) {
				writeRecorded(w, out, "ended the hotfix "+args[0], "no hotfix "+args[0]+" is recorded")
			})
		},
	}
	r.flags(cmd)
	r.to.remoteFlag(cmd)
	return cmd
}
