package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/promote"
)

func (a *app) retireCommand() *cobra.Command {
	r := retirer{recorder: recorder{app: a}}
	cmd := &cobra.Command{
		Use:   "retire LANE",
		Short: "End a lane, and say what it leaves",
		Long: `retire shows what ends and what stays when a lane is over: its services, which of
their images other lanes still run, the commits of its source branch that no other
lane's has, its objects, and what it leaves for you: branches, Secrets, claims, the
namespace.

--apply ends it, in this order: one last commit on the GitOps branch takes the
workloads away and holds the lane; Argo CD removes them; then the lane's
Application, AppProject and Tekton objects are deleted, each only if it is labelled
as this lane's. It asks for the lane's name once more, with --confirm. What is done
already is passed over, so after a stop the same command goes on.

No branch, no Secret and no volume of a service is deleted, and nothing that lanes
share. Until then a retired lane comes back by lane hold --release and lane release.`,
		Example: `  lane retire v0.1
  lane retire v0.1 --apply --confirm v0.1`,
		Args: usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if r.apply && r.confirm != args[0] {
				return usageError("--apply needs --confirm %s: this ends the lane", args[0])
			}
			return r.run(cmd.Context(), args[0])
		},
	}
	cmd.Flags().BoolVar(&r.apply, "apply", false, "end it")
	cmd.Flags().StringVar(&r.confirm, "confirm", "", "the `lane` that ends, once more")
	cmd.Flags().StringVar(&r.by, "by", "", "`who` does it (default: git's user.name and user.email)")
	r.to.remoteFlag(cmd)
	r.cluster.flags(cmd)
	return cmd
}

// retirer ends a lane.
type retirer struct {
	recorder
	cluster cluster
	apply   bool
	confirm string

	src    *source // the lane's released commit
	branch promote.Branch
	kube   *kube.Client
	doc    retiringDocument
}

// retiringDocument is what `lane retire -o json` prints.
type retiringDocument struct {
	header
	Lane     string            `json:"lane"`
	Gitops   string            `json:"gitopsCommitId"`
	Services []retiringService `json:"services"`
	// NotCarried are commits of its source branch that no other lane's has.
	NotCarried []leftCommit    `json:"notCarriedForward"`
	Unseen     string          `json:"notSeen,omitempty"` // why the cluster was not
	Objects    []laneObject    `json:"objects"`
	Stays      []string        `json:"stays"`
	Changes    promote.Changes `json:"changes"` // of the GitOps branch
}

type retiringService struct {
	ServiceID string   `json:"serviceId"`
	Digest    string   `json:"digest"`
	UsedBy    []string `json:"alsoUsedBy"` // lanes
}

type leftCommit struct {
	ID      string `json:"commitId"`
	Subject string `json:"subject"`
}

// maxLeft is how many commits are listed that were not carried forward.
const maxLeft = 1000

func (r *retirer) run(ctx context.Context, lane string) error {
	here, err := r.app.source(ctx, "HEAD", "")
	if err != nil {
		return err
	}
	n, err := here.intent.NamesOf(lane)
	if err != nil {
		return err
	}
	if r.branch, err = r.app.branchOf(here, n, &r.to); err != nil {
		return err
	}
	head, err := r.branch.Head(ctx)
	if err != nil {
		return err
	}
	if r.src, err = r.app.sourceAt(ctx, here.repo, head.Catalog.SourceCommitID); err != nil {
		return err
	}
	if r.src.names != n {
		return fail.Refuse("A1", lane, "see who promoted it", "the intent of its released commit %.12s is of lane %s", r.src.commit, r.src.names.Lane)
	}
	r.doc = retiringDocument{header: headerOf("Retirement"), Lane: lane, Gitops: head.Commit, Services: []retiringService{}, NotCarried: []leftCommit{}, Objects: []laneObject{}, Stays: []string{}}
	if err := r.others(ctx, here, head, n); err != nil {
		return err
	}
	by, err := here.who(ctx, r.by)
	if err != nil && r.apply {
		return err
	}
	foreseen, err := r.empty(ctx, by, true)
	if err != nil {
		return err
	}
	r.doc.Changes = foreseen.Changes
	client, connectErr := r.cluster.connect(ctx)
	if connectErr == nil {
		defer client.Close()
		r.kube = client
		connectErr = r.look(ctx)
	}
	if connectErr != nil {
		if r.apply || ctx.Err() != nil || fail.CodeOf(connectErr) == fail.Refused {
			return connectErr
		}
		r.doc.Unseen = connectErr.Error()
	}
	r.stays(ctx)
	if err := r.app.emit(r.doc, r.tell); err != nil || !r.apply {
		return err
	}
	out, err := r.empty(ctx, by, false)
	if err != nil {
		return err
	}
	r.app.note("%s is at %.12s, which has no workloads", out.Branch, out.Commit)
	if err := r.pruned(ctx, out.Commit); err != nil {
		return err
	}
	return r.remove(ctx)
}

// others compares the lane with the project's other lanes.
func (r *retirer) others(ctx context.Context, here *source, head *promote.Head, n names.Names) error {
	all, err := r.app.lanes(ctx, here, &r.to)
	if err != nil {
		return err
	}
	uses := map[string][]string{}
	refs := map[string]string{}
	for _, l := range all {
		if l.source != "" {
			refs[l.names.SourceRef()] = l.source
		}
		if l.names == n || l.gitops == "" {
			continue
		}
		b, err := r.app.branchOf(here, l.names, &r.to)
		if err != nil {
			return err
		}
		other, err := b.Head(ctx)
		if err != nil {
			return err
		}
		for _, s := range other.Catalog.Services {
			uses[s.Image.Digest] = append(uses[s.Image.Digest], l.names.Lane)
		}
	}
	for _, s := range head.Catalog.Services {
		by := uses[s.Image.Digest]
		if by == nil {
			by = []string{}
		}
		r.doc.Services = append(r.doc.Services, retiringService{s.ServiceID, s.Image.Digest, by})
	}
	if refs[n.SourceRef()] == "" {
		return nil // the branch is gone already
	}
	repo, remove, err := r.app.fetched(ctx, here, &r.to, false, refs)
	if err != nil {
		return err
	}
	defer remove()
	var others []string
	for ref, id := range refs {
		if ref != n.SourceRef() {
			others = append(others, id)
		}
	}
	left, err := repo.Without(ctx, refs[n.SourceRef()], maxLeft, others...)
	for _, c := range left {
		r.doc.NotCarried = append(r.doc.NotCarried, leftCommit{c.ID, fail.Clean(subject(c.Message), 100)})
	}
	return err
}

// empty takes the workloads off the branch and holds the lane.
func (r *retirer) empty(ctx context.Context, by string, dryRun bool) (promote.Outcome, error) {
	if by == "" {
		by = "nobody yet" // only shown
	}
	digest, err := r.src.intent.Digest()
	if err != nil {
		return promote.Outcome{}, err
	}
	hold := metadata.NewHold(r.src.names, r.src.commit, by, "the lane is retired", r.branch.Now(), noTime)
	return r.branch.Retire(ctx, promote.Retirement{By: by, Hold: hold, DryRun: dryRun, Make: func(head *promote.Head) (map[string][]byte, error) {
		if head.Catalog.SourceCommitID != r.src.commit {
			return nil, &fail.Error{Code: fail.Stale, Hint: "run it again, and look at what it shows", Err: fmt.Errorf("%.12s was promoted meanwhile", head.Catalog.SourceCommitID)}
		}
		return r.src.files(catalog.Empty(r.src.names, r.src.commit, digest))
	}})
}

func (r *retirer) tell(w io.Writer) {
	d := &r.doc
	fmt.Fprintf(w, "lane %s, at %.12s\n", d.Lane, d.Gitops)
	fmt.Fprintf(w, "\nservices that end: %d\n", len(d.Services))
	for _, s := range d.Services {
		fmt.Fprintf(w, "  %-20s %.19s", s.ServiceID, s.Digest)
		if len(s.UsedBy) > 0 {
			fmt.Fprintf(w, "  also run by %v", s.UsedBy)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "\nfiles on the GitOps branch: %d go, %d change, %d come\n", len(d.Changes.Removed), len(d.Changes.Changed), len(d.Changes.Added))
	for _, path := range d.Changes.Removed {
		fmt.Fprintf(w, "  - %s\n", path)
	}
	fmt.Fprintf(w, "\ncommits that no other lane has: %s\n", counted(len(d.NotCarried)))
	for i, c := range d.NotCarried {
		if i == 20 {
			fmt.Fprintf(w, "  and %d more: -o json\n", len(d.NotCarried)-i)
			break
		}
		fmt.Fprintf(w, "  %.12s %s\n", c.ID, c.Subject)
	}
	fmt.Fprintln(w, "\nobjects that are deleted:")
	if d.Unseen != "" {
		fmt.Fprintf(w, "  not seen: %s\n", d.Unseen)
	}
	for _, o := range d.Objects {
		fmt.Fprintf(w, "  %s %s/%s\n", o.Kind, o.Namespace, o.Name)
	}
	fmt.Fprintln(w, "\nwhat stays, for you:")
	for _, line := range d.Stays {
		fmt.Fprintf(w, "  %s\n", line)
	}
}

// counted is a count that may have been cut off.
func counted(n int) string {
	if n == maxLeft {
		return fmt.Sprintf("%d or more", n)
	}
	return fmt.Sprint(n)
}
