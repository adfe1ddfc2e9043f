package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/verify"
)

// How long a release may take from the commit on the GitOps branch to pods that
// run it: Argo CD looks every three minutes unless it is told.
const (
	syncWithin   = 10 * time.Minute
	settleWithin = 2 * time.Minute
)

// settling are the rules that a rollout which is not done yet contradicts.
var settling = []string{"I4", "I8", "E7", "F2", "G1", "H3"}

var applications = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}

var (
	errReached     = errors.New("reached")
	errNobodySyncs = errors.New("nobody syncs")
)

// accept waits until Argo CD has brought the head of the GitOps branch to the
// namespace and the rollout is done, and judges. The worktree is no matter of a
// release. A lane that is accepted is told in one line, which lane verify unfolds;
// with -o json it goes to stderr, one line and the rules that are not met: the output
// has its document already.
func (a *app) accept(ctx context.Context, src *source, client *kube.Client) error {
	v := verifier{app: a, skip: true}
	if err := v.synced(ctx, src, client); err != nil {
		return err
	}
	verdict, err := v.settled(ctx, src, client)
	if err != nil {
		return err
	}
	if !a.json() {
		tell := verdict.write
		if verdict.Accepted {
			tell = func(w io.Writer) { fmt.Fprintln(w, verdict.Summary()) }
		}
		if err := a.emit(verdict.Verdict, tell); err != nil {
			return err
		}
	} else {
		_ = verdict.Unmet(a.stderr) // what cannot be said there cannot be said anywhere
		a.note("%s", verdict.Summary())
	}
	return verdict.refusal()
}

// synced waits until the Application is at the head of the branch. When that takes
// too long the verdict says how it stands.
func (v *verifier) synced(ctx context.Context, src *source, client *kube.Client) error {
	b, err := v.app.branch(src, &v.to)
	if err != nil {
		return err
	}
	head, err := b.Head(ctx)
	if err != nil {
		return err
	}
	v.app.note("waiting for Argo CD to sync %.12s", head.Commit)
	limited, cancel := context.WithTimeout(ctx, syncWithin)
	defer cancel()
	n := src.names
	// Argo CD looks at once when it is asked to, and takes the mark off again.
	ask := map[string]any{"metadata": map[string]any{"annotations": map[string]any{"argocd.argoproj.io/refresh": "normal"}}}
	if _, err := client.Merge(limited, applications, n.ArgoNamespace, n.ArgoApplication, ask, kube.Write{}); err != nil {
		v.app.note("Argo CD looks in its own time: %v", err)
	}
	there := false
	err = client.Watch(limited, applications, n.ArgoNamespace, kube.Selection{Fields: "metadata.name=" + n.ArgoApplication}, func(c kube.Change) error {
		switch {
		case c.Type == kube.Set && syncedAt(c.Object, head.Commit):
			return errReached
		case c.Type == kube.Set && !syncsItself(c.Object), c.Type == kube.Deleted, c.Type == kube.Synced && !there:
			return errNobodySyncs
		}
		there = there || c.Type == kube.Set
		return nil
	})
	switch {
	case errors.Is(err, errReached):
		return nil
	case errors.Is(err, errNobodySyncs):
		v.app.note("the Application %s is missing or does not sync by itself: there is nothing to wait for", n.ArgoApplication)
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case limited.Err() != nil:
		v.app.note("Argo CD has not synced it within %s", syncWithin)
		return nil
	}
	return fmt.Errorf("waiting for Argo CD: %w", err)
}

// syncedAt reports whether an Application is synced to a commit and healthy.
func syncedAt(app *unstructured.Unstructured, commit string) bool {
	o := verify.Object(app.Object)
	phase, past := verify.LastSync(o)
	return o.Text("status", "sync", "revision") == commit && o.Text("status", "sync", "status") == "Synced" &&
		o.Text("status", "health", "status") == "Healthy" && (past || phase == "Succeeded")
}

// syncsItself reports whether an Application is told to sync without being asked.
func syncsItself(app *unstructured.Unstructured) bool {
	automated, found, err := unstructured.NestedMap(app.Object, "spec", "syncPolicy", "automated")
	return found && err == nil && automated["enabled"] != false
}

// settled judges until nothing is under way any more.
func (v *verifier) settled(ctx context.Context, src *source, client *kube.Client) (judged, error) {
	for deadline := time.Now().Add(settleWithin); ; {
		e, err := v.evidence(ctx, src, client, nil)
		if err != nil {
			return judged{}, err
		}
		verdict := judged{verify.Judge(e)}
		if verdict.Accepted || !verdict.underWay() || time.Now().After(deadline) {
			return verdict, nil
		}
		select {
		case <-ctx.Done():
			return judged{}, context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
}

// underWay reports whether everything that is contradicted may be a rollout's.
func (v judged) underWay() bool {
	if v.Unknown > 0 {
		return false
	}
	for _, c := range v.Links {
		for _, f := range c.Findings {
			if f.State == verify.Contradicted && !slices.Contains(settling, f.Rule) {
				return false
			}
		}
	}
	return true
}

// refusal is the error of a lane that is not accepted.
func (v judged) refusal() error {
	if v.Accepted {
		return nil
	}
	return &fail.Error{Code: fail.Differs, Err: errors.New(v.Summary()), Hint: "mend what is marked ! and let what is marked ? be seen, then run lane verify"}
}
