package main

import (
	"context"
	"fmt"
	"io"
	"path"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/diff"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/opening"
	"github.com/pikasTech/agentrun/lane/pipeline"
)

func (a *app) openCommand() *cobra.Command {
	o := opener{app: a}
	cmd := &cobra.Command{
		Use:   "open LANE --from LANE",
		Short: "Open the next lane beside one that is there",
		Long: `open shows everything that a new lane needs before it does any of it: the change of
the source as a patch, the first content of the GitOps branch, the Tekton and Argo
CD objects with what they change in the cluster, and a checklist of Secrets and
network. It never commits to a source branch: apply the patch on the new one, look
at it, and push it.

--apply then makes what may be made from a host: the GitOps branch and the objects.
What is there already is left, so it can be run again. Nothing that the other lane
owns is touched, and the namespace of the runs, which lanes share, is made when it
is missing and not changed when it is there.`,
		Example: `  lane open v0.2 --from v0.1
  lane open v0.2 --from v0.1 --patch ~/agentrun-v02.patch
  lane open v0.2 --from v0.1 --apply`,
		Args: usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.from == "" {
				return usageError("--from is needed: the lane that the new one begins at")
			}
			return o.run(cmd.Context(), args[0])
		},
	}
	cmd.Flags().StringVar(&o.from, "from", "", "the `lane` that the new one begins at, as the remote has it")
	cmd.Flags().StringVar(&o.patch, "patch", "", "write the change of the source to this `file`, and not to the output")
	cmd.Flags().BoolVar(&o.apply, "apply", false, "make the GitOps branch and the objects")
	o.to.remoteFlag(cmd)
	o.cluster.flags(cmd)
	return cmd
}

// opener opens a lane.
type opener struct {
	app     *app
	to      target
	cluster cluster
	from    string
	patch   string
	apply   bool

	src     *source // the new lane's, as its branch has it or as the patch would make it
	old     names.Names
	there   bool // the source branch is on the remote and is the lane's
	doc     openingDocument
	objects []pipeline.Object
}

// openingDocument is what `lane open -o json` prints.
type openingDocument struct {
	header
	Lane           string         `json:"lane"`
	From           string         `json:"from"`
	SourceCommitID string         `json:"sourceCommitId"` // that the lane begins at
	Patch          string         `json:"patch"`          // of the source, for git apply; "" when it is there
	Left           []string       `json:"left"`           // documents that still name the other lane
	Steps          []openingStep  `json:"steps"`
	Changes        diff.Diff      `json:"changes"` // of the cluster's objects
	Secrets        []neededSecret `json:"secrets"`
	Network        []string       `json:"network"`
}

type openingStep struct {
	Step  string `json:"step"`
	State string `json:"state"` // done, to do, blocked, not seen
	About string `json:"about"`
}

// The states of a step.
const (
	stepDone    = "done"
	stepToDo    = "to do"
	stepBlocked = "blocked"
	stepUnseen  = "not seen"
)

func (o *opener) step(step, state, format string, args ...any) {
	o.doc.Steps = append(o.doc.Steps, openingStep{step, state, fmt.Sprintf(format, args...)})
}

func (o *opener) run(ctx context.Context, lane string) error {
	old, err := o.begin(ctx, lane)
	if err != nil {
		return err
	}
	if err := o.source(ctx, old, lane); err != nil {
		return err
	}
	made, err := o.gitops(ctx)
	if err != nil {
		return err
	}
	client, connectErr := o.cluster.connect(ctx)
	if connectErr == nil {
		defer client.Close()
	}
	if err := o.foresee(ctx, client, connectErr); err != nil {
		return err
	}
	o.checklist(ctx, client)
	if err := o.show(ctx, old); err != nil {
		return err
	}
	switch {
	case !o.apply:
		return nil
	case !o.there:
		return fail.Refuse("E1", o.src.names.SourceRef(), fmt.Sprintf("git switch -c %s %.12s, git apply the patch, commit, and push %[1]s", lane, old.commit),
			"the new lane's source branch is not on the remote: nothing was made")
	case connectErr != nil:
		return connectErr
	}
	return o.make(ctx, client, made)
}

// begin reads the lane that the new one begins at, as the remote's branch has it.
func (o *opener) begin(ctx context.Context, lane string) (*source, error) {
	here, err := o.app.source(ctx, "HEAD", "")
	if err != nil {
		return nil, err
	}
	if lane == o.from {
		return nil, usageError("%s is the lane to begin at: name another one to open", lane)
	}
	if _, err := here.intent.NamesOf(lane); err != nil {
		return nil, err
	}
	if o.old, err = here.intent.NamesOf(o.from); err != nil {
		return nil, err
	}
	old, err := o.at(ctx, here, o.old)
	switch {
	case err != nil:
		return nil, err
	case old == nil:
		return nil, fail.Refuse("E1", here.names.SourceRef(), "name a lane that is there with --from", "the remote has no %s", o.old.SourceRef())
	case old.names != o.old:
		return nil, fail.Refuse("A1", intent.Path, "begin at a branch whose intent is its own", "the intent of %s is of lane %s", o.old.SourceRef(), old.names.Lane)
	}
	return old, nil
}

// at is the source of a lane as the remote's branch has it; nil when there is none.
func (o *opener) at(ctx context.Context, here *source, n names.Names) (*source, error) {
	remote := git.Remote{URL: o.to.remoteOf(here.intent)}
	refs, err := remote.LsRemote(ctx, n.SourceRef())
	if err != nil {
		return nil, err
	}
	id := refs[n.SourceRef()]
	if id == "" {
		return nil, nil
	}
	if _, err := here.repo.Commit(ctx, id); err != nil {
		return nil, fail.Fail(n.SourceRef(), "git fetch it first", "this clone does not have the remote's %.12s", id)
	}
	return o.app.sourceAt(ctx, here.repo, id)
}

// source finds out what the source needs.
func (o *opener) source(ctx context.Context, old *source, lane string) error {
	to, err := old.intent.NamesOf(lane)
	if err != nil {
		return err
	}
	o.doc = openingDocument{header: headerOf("Opening"), Lane: lane, From: o.from, SourceCommitID: old.commit, Left: []string{}, Secrets: []neededSecret{}, Network: []string{}}
	branch, err := o.at(ctx, old, to)
	if err != nil {
		return err
	}
	if branch != nil && branch.names.Lane == lane {
		data, err := branch.repo.ReadFile(ctx, branch.commit, intent.Path, maxDocument)
		if err != nil {
			return err
		}
		if opening.Names(old.names, data) {
			return fail.Refuse("A4", to.SourceRef()+":"+intent.Path, "give it names of its own: lanes share none", "the intent still has names of lane %s", o.from)
		}
		o.src, o.there, o.doc.SourceCommitID = branch, true, branch.commit
		o.step("source branch", stepDone, "%s is at %.12s", to.SourceRef(), branch.commit)
		return nil
	}
	files, err := old.documents(ctx)
	if err != nil {
		return err
	}
	change, err := opening.Of(old.names, to, files)
	if err != nil {
		return err
	}
	in, err := intent.Parse(intent.Path, change.Files[intent.Path])
	if err != nil {
		return err
	}
	o.src = &source{repo: old.repo, commit: old.commit, intent: in, names: to}
	o.doc.Patch, o.doc.Left = string(change.Patch), change.Left
	o.step("source branch", stepToDo, "%s from %.12s with the patch of %d files; you commit and push it", to.SourceRef(), old.commit, len(change.Files))
	return nil
}

// documents are the intent and every document of the commit.
func (src *source) documents(ctx context.Context) (map[string][]byte, error) {
	entries, err := src.repo.Tree(ctx, src.commit)
	if err != nil {
		return nil, err
	}
	var paths, ids []string
	for _, e := range entries {
		if e.Mode == git.ModeFile && (e.Path == intent.Path || path.Ext(e.Path) == ".md") {
			paths, ids = append(paths, e.Path), append(ids, e.OID)
		}
	}
	blobs, err := src.repo.Blobs(ctx)
	if err != nil {
		return nil, err
	}
	defer blobs.Close()
	files := map[string][]byte{}
	err = blobs.ReadAll(ids, maxDocument, func(i int, data []byte) error {
		files[paths[i]] = append([]byte(nil), data...)
		return nil
	})
	return files, err
}

// gitops finds out about the GitOps branch, and whether it is made.
func (o *opener) gitops(ctx context.Context) (made bool, err error) {
	n := o.src.names
	refs, err := git.Remote{URL: o.to.remoteOf(o.src.intent)}.LsRemote(ctx, n.GitopsRef())
	if err != nil {
		return false, err
	}
	digest, err := o.src.intent.Digest()
	if err != nil {
		return false, err
	}
	files, err := o.src.files(catalog.Empty(n, o.src.commit, digest))
	if err != nil {
		return false, err
	}
	if id := refs[n.GitopsRef()]; id != "" {
		o.step("GitOps branch", stepDone, "%s is at %.12s", n.GitopsRef(), id)
		return true, nil
	}
	o.step("GitOps branch", stepToDo, "%s with %d files: an empty catalog and what is no workload", n.GitopsRef(), len(files))
	return false, nil
}

// make does what may be done from a host.
func (o *opener) make(ctx context.Context, client *kube.Client, made bool) error {
	if !made {
		out, err := o.app.init(ctx, o.src, &o.to, false)
		if err != nil {
			return err
		}
		o.app.note("made %s at %.12s", out.Branch, out.Commit)
	}
	if err := o.app.put(ctx, client, o.objects); err != nil {
		return err
	}
	o.app.note("lane %s is open: the checklist above is what is left, then lane release", o.src.names.Lane)
	return nil
}

// show tells everything.
func (o *opener) show(ctx context.Context, old *source) error {
	if o.patch != "" && o.doc.Patch != "" {
		if err := old.writeDocument(ctx, o.patch, []byte(o.doc.Patch)); err != nil {
			return err
		}
	}
	return o.app.emit(o.doc, o.tell)
}

func (o *opener) tell(w io.Writer) {
	d := &o.doc
	fmt.Fprintf(w, "lane %s beside %s\n\n", d.Lane, d.From)
	for _, s := range d.Steps {
		fmt.Fprintf(w, "%-9s %-18s %s\n", s.State, s.Step, s.About)
	}
	fmt.Fprintln(w, "\nSecrets, which you make:")
	for _, s := range d.Secrets {
		fmt.Fprintf(w, "  %-8s %s\n", s.State, s)
	}
	fmt.Fprintln(w, "\nnetwork, which you look after:")
	for _, line := range d.Network {
		fmt.Fprintf(w, "  %s\n", line)
	}
	if len(d.Left) > 0 {
		fmt.Fprintf(w, "\ndocuments that still name %s, for you to judge:\n", d.From)
		for _, name := range d.Left {
			fmt.Fprintf(w, "  %s\n", fail.Clean(name, 200))
		}
	}
	if len(d.Changes.Objects) > 0 {
		fmt.Fprintln(w, "\nobjects in the cluster:")
		o.app.writeDiff(w, d.Changes)
	}
	if d.Patch != "" && o.patch == "" {
		fmt.Fprintf(w, "\n%s", d.Patch)
	}
}
