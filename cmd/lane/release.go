package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/release"
)

func (a *app) releaseCommand() *cobra.Command {
	var to cluster
	var commit string
	r := releaser{app: a, accept: a.accept}
	cmd := &cobra.Command{
		Use:   "release",
		Short: "Release a commit: start its PipelineRun and follow it",
		Long: `release makes the Tekton PipelineRun that carries one commit of the remote's
source branch through the lane. A lane has at most one active run for a commit:
when there is one, release reports it or, with --follow, attaches to it. When the
last run succeeded, that is reported; when it failed, or the lane went back since, a
new one is made. One that was to replace pods is reported also when it failed. While somebody holds the lane, only what is promoted can be released.

With --follow it shows the tasks until the run has ended: on a terminal live,
elsewhere as one JSON line on stderr for each change. Ctrl-C leaves the run going.
Of a run that fails, the failed step and the end of its log are shown. After one
that succeeds it waits for Argo CD and the rollout and ends with the verdict of
lane verify, without the worktree.

Exit codes: 0 succeeded and accepted, or started without --follow; 1 failed; 3 not
accepted; 4 the commit is not on the source branch, or the lane is held; 5 superseded
by a newer commit.`,
		Example: `  lane release --commit v0.1 --follow
  lane release --commit v0.1 --dry-run
  lane release --commit v0.1 --cancel`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if r.cancel && (r.follow || r.again || r.dryRun) {
				return usageError("--cancel goes with no other of the flags --follow, --again and --dry-run")
			}
			src, err := a.source(ctx, commit, "")
			if err != nil {
				return err
			}
			if r.src = src; !r.cancel {
				if err := a.onRemoteSourceBranch(ctx, src); err != nil {
					return err
				}
			}
			if r.kube, err = to.connect(ctx); err != nil {
				return err
			}
			defer r.kube.Close()
			return r.run(ctx)
		},
	}
	cmd.Flags().StringVar(&commit, "commit", "HEAD", "the `commit` to release")
	cmd.Flags().BoolVar(&r.follow, "follow", false, "show the run until it has ended")
	cmd.Flags().BoolVar(&r.cancel, "cancel", false, "cancel the commit's active run, and wait until it has ended")
	cmd.Flags().BoolVar(&r.again, "again", false, "make a new run although the last one succeeded or was superseded")
	cmd.Flags().BoolVar(&r.dryRun, "dry-run", false, "do everything but make the run")
	to.flags(cmd)
	return cmd
}

// onRemoteSourceBranch refuses a commit that the remote does not have on the
// lane's source branch (rule E1).
func (a *app) onRemoteSourceBranch(ctx context.Context, src *source) error {
	b, h, err := a.writableBranch(ctx, src, &target{})
	if err != nil {
		return err
	}
	defer h.close()
	on, err := h.isAncestor(ctx, src.commit, b.Source.Head)
	if err != nil {
		return err
	}
	if !on {
		return fail.Refuse("E1", src.commit, "push it to "+src.names.SourceBranch+" first, or name a commit of it with --commit",
			"the commit is not on %s of the remote", src.names.SourceRef())
	}
	return nil
}

// releaser starts, follows and cancels the runs of one commit.
type releaser struct {
	app                           *app
	src                           *source
	kube                          *kube.Client
	follow, cancel, again, dryRun bool

	// accept judges what the cluster runs once a followed run has succeeded; nil
	// when nobody does.
	accept func(ctx context.Context, src *source, c *kube.Client) error

	why   pipeline.Purpose  // nothing in a release
	about *rollbackDocument // what is told of a run that goes back
}

// What release did with the run that it reports.
const (
	created     = "created"
	wouldCreate = "would-create"
	attached    = "attached" // it was there, and goes on or went on
	reported    = "reported" // it had ended before
	cancelled   = "cancelled"
)

func (r *releaser) run(ctx context.Context) error {
	choice, err := r.choose(ctx)
	if err != nil {
		return err
	}
	switch {
	case r.cancel:
		return r.end(ctx, choice)
	case choice.Active != nil:
		return r.proceed(ctx, attached, choice.Active)
	case choice.Newest != nil && !r.again && choice.Newest.State == release.Succeeded:
		if undone, err := r.undone(ctx); err != nil {
			return err
		} else if !undone {
			return r.proceed(ctx, reported, choice.Newest)
		}
	}
	if choice.Newest != nil && !r.again && choice.Newest.State != release.Succeeded {
		// Whether a failed run was superseded stands in its tasks.
		last, err := r.look(ctx, choice.Newest.Name)
		if err != nil && !kube.IsNotFound(err) {
			return err
		}
		if err == nil && last.State == release.Superseded {
			return r.proceed(ctx, reported, last)
		}
		if err == nil && last.Restart != "" {
			// A release would find nothing to change and say that all is well.
			if undone, err := r.undone(ctx); err != nil {
				return err
			} else if !undone {
				return r.proceed(ctx, reported, last)
			}
		}
	}
	if err := r.app.unheld(ctx, r.src); err != nil {
		return err
	}
	return r.start(ctx, choice.Next)
}

// undone reports whether the commit is released no more: the lane went back from it and
// what is promoted is older, or its services were taken away when it was retired.
func (r *releaser) undone(ctx context.Context) (bool, error) {
	b, h, err := r.app.writableBranch(ctx, r.src, &target{})
	if err != nil {
		return false, err
	}
	defer h.close()
	head, err := b.Head(ctx)
	switch {
	case err != nil:
		return false, err
	case len(head.Catalog.Services) == 0:
		return len(r.src.intent.EnabledServices()) > 0, nil
	case head.Catalog.SourceCommitID == r.src.commit:
		return false, nil
	}
	return h.isAncestor(ctx, head.Catalog.SourceCommitID, r.src.commit)
}

// start makes the nth run.
func (r *releaser) start(ctx context.Context, nth int) error {
	done, p, err := r.create(ctx, nth)
	if err != nil {
		return err
	}
	return r.proceed(ctx, done, p)
}

// choose looks at the runs that the commit has.
func (r *releaser) choose(ctx context.Context) (release.Choice, error) {
	n := r.src.names
	list, err := r.kube.List(ctx, pipelineRuns, n.TektonNamespace, kube.Selection{Labels: release.Selector(n, r.src.commit)})
	if err != nil {
		return release.Choice{}, fmt.Errorf("looking for the commit's runs: %w", err)
	}
	return release.Choose(n, r.src.commit, list.Items)
}

// look judges a run with its tasks.
func (r *releaser) look(ctx context.Context, name string) (*release.Progress, error) {
	run, err := r.kube.Get(ctx, pipelineRuns, r.src.names.TektonNamespace, name)
	if err != nil {
		return nil, err
	}
	tasks, err := r.kube.List(ctx, taskRuns, r.src.names.TektonNamespace, kube.Selection{Labels: release.LabelRun + "=" + name})
	if err != nil {
		return nil, err
	}
	return release.Judge(run, pointers(tasks))
}

// proceed follows the run when that is asked for, and reports it.
func (r *releaser) proceed(ctx context.Context, done string, p *release.Progress) error {
	doc := releaseDocument{header: headerOf("Release"), SourceCommitID: r.src.commit, Action: done, Run: p, Rollback: r.about}
	if done == wouldCreate {
		return r.app.emit(doc, func(w io.Writer) { fmt.Fprintf(w, "would create %s\n", p.Name) })
	}
	var failed error
	if r.follow && !p.State.Ended() {
		if doc.Run, failed = r.watch(ctx, p); doc.Run == nil {
			doc.Run = p
		}
	} else if done != created {
		if full, err := r.look(ctx, p.Name); err == nil {
			doc.Run = full
		}
	}
	if failed == nil && doc.Run.State.Ended() {
		failed = r.verdict(ctx, &doc)
	}
	if err := r.app.emit(doc, func(w io.Writer) { writeRelease(w, &doc) }); err != nil {
		return err
	}
	switch {
	case ctx.Err() != nil:
		r.app.note("%s goes on; come back with %s", doc.Run.Name, r.comeBack())
	case !r.follow && !doc.Run.State.Ended():
		r.app.note("follow it with %s", r.comeBack())
	case failed == nil && r.follow && r.accept != nil:
		return r.accept(ctx, r.src, r.kube)
	}
	return failed
}

func (r *releaser) comeBack() string {
	verb := "release --commit "
	if r.why.Rollback != nil {
		verb = "rollback --to "
	}
	if r.app.dir != "." {
		verb = "-C " + r.app.dir + " " + verb
	}
	return "lane " + verb + r.src.commit + " --follow"
}

// verdict is the error that an ended run comes to, with the end of the failed
// step's log.
func (r *releaser) verdict(ctx context.Context, doc *releaseDocument) error {
	p := doc.Run
	where := "PipelineRun " + p.Namespace + "/" + p.Name
	switch p.State {
	case release.Succeeded:
		return nil
	case release.Superseded:
		return &fail.Error{
			Code: fail.Stale, Where: where, Err: errors.New("superseded: a newer commit is promoted already"),
			Hint: "release the newer commit, or go back to this one: lane rollback --to " + r.src.commit,
		}
	case release.Cancelled:
		return fail.Fail(where, r.anew(p, "release the commit again: "+r.comeBack()), "the run was cancelled")
	}
	f := p.Failure()
	doc.Failure = &failureDocument{Failure: f}
	switch {
	case f.Task == "":
		return fail.Fail(where, r.anew(p, "mend what the message names, then release again"), "the run failed: %s: %s", f.Reason, safe(f.Message))
	case f.Step == "":
		doc.Failure.Events = r.warnings(ctx, p.Namespace, f.Pod)
		return fail.Fail(where, r.anew(p, "mend what the message names, then release again"), "task %s failed: %s: %s", f.Task, f.Reason, safe(f.Message))
	}
	doc.Failure.Log = r.log(ctx, p.Namespace, f)
	whole := fmt.Sprintf("; the whole log: kubectl -n %s logs %s -c %s", p.Namespace, f.Pod, f.Container)
	if f.Stale() {
		return fail.Fail(where, r.anew(p, "release the commit again: "+r.comeBack())+whole,
			"task %s came too late: the GitOps branch moved on since the run began, and its log says how", f.Task)
	}
	return fail.Fail(where, r.anew(p, "mend it and release the new commit, or this one again")+whole,
		"task %s failed at step %s: %s, exit code %d", f.Task, f.Step, f.Reason, f.Exit)
}

// anew is how to do again what a run was for that failed: release, or replace pods.
func (r *releaser) anew(p *release.Progress, hint string) string {
	if p.Restart == "" {
		return hint
	}
	return "pods go on with the Secret's old values: run lane secrets rotate again"
}

// end cancels the active run and waits for it.
func (r *releaser) end(ctx context.Context, choice release.Choice) error {
	p := choice.Active
	if p == nil {
		doc := releaseDocument{header: headerOf("Release"), SourceCommitID: r.src.commit, Action: reported, Run: choice.Newest}
		if doc.Run != nil {
			if full, err := r.look(ctx, doc.Run.Name); err == nil {
				doc.Run = full
			}
		}
		return r.app.emit(doc, func(w io.Writer) {
			fmt.Fprintf(w, "no run of %.12s is active\n", r.src.commit)
			if doc.Run != nil {
				writeRelease(w, &doc)
			}
		})
	}
	change := map[string]any{"spec": map[string]any{"status": release.Cancel}}
	if p.State != release.Stopping {
		_, err := r.kube.Merge(ctx, pipelineRuns, p.Namespace, p.Name, change, kube.Write{})
		if err != nil && !kube.IsDenied(err) { // denied: it ended meanwhile, or so the watch will tell
			return fmt.Errorf("cancelling the run: %w", err)
		}
		if err != nil {
			if now, lookErr := r.look(ctx, p.Name); lookErr != nil || !now.State.Ended() {
				return fmt.Errorf("cancelling the run: %w", err)
			}
		}
	}
	now, err := r.watch(ctx, p)
	if err != nil {
		return err
	}
	doc := releaseDocument{header: headerOf("Release"), SourceCommitID: r.src.commit, Action: cancelled, Run: now}
	if err := r.app.emit(doc, func(w io.Writer) { writeRelease(w, &doc) }); err != nil {
		return err
	}
	if now.State == release.Succeeded {
		return fail.Fail("PipelineRun "+now.Namespace+"/"+now.Name, "see lane diff for what it promoted", "the run succeeded before it could be cancelled")
	}
	return nil
}
