package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/diff"
	"github.com/pikasTech/agentrun/lane/pipeline"
)

// neededSecret is a Secret that the lane reads and nobody has told it.
type neededSecret struct {
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	Keys      []string `json:"keys"`
	Purpose   string   `json:"purpose"`
	How       string   `json:"how"`
	State     string   `json:"state"` // there, missing, not seen
}

func (s neededSecret) String() string {
	text := fmt.Sprintf("%s/%s", s.Namespace, s.Name)
	if len(s.Keys) > 0 {
		text += " (" + strings.Join(s.Keys, ", ") + ")"
	}
	return text + ": " + s.How
}

// foresee finds out what the objects would change, and refuses those that are not the
// lane's own (rule A4).
func (o *opener) foresee(ctx context.Context, client *kube.Client, connectErr error) error {
	before, after := map[string][]byte{}, map[string][]byte{}
	for _, what := range []string{"tekton", "argo"} {
		step := map[string]string{"tekton": "Tekton objects", "argo": "Argo CD objects"}[what]
		all, err := o.app.objects(ctx, o.src, what)
		if err != nil {
			if o.apply {
				return err
			}
			o.step(step, stepBlocked, "%v", err)
			continue
		}
		if client == nil {
			o.step(step, stepUnseen, "%v", connectErr)
			continue
		}
		differ, err := o.compare(ctx, client, all, before, after)
		switch {
		case err != nil && (o.apply || fail.CodeOf(err) == fail.Refused || ctx.Err() != nil):
			return err
		case err != nil:
			o.step(step, stepUnseen, "%v", err)
		case differ > 0:
			o.step(step, stepToDo, "%d of %d change", differ, len(all))
		default:
			o.step(step, stepDone, "the cluster has them")
		}
	}
	var err error
	o.doc.Changes, err = diff.Objects(before, after)
	return err
}

// compare adds the objects as they are and as they would be, and says how many differ.
func (o *opener) compare(ctx context.Context, client *kube.Client, all []pipeline.Object, before, after map[string][]byte) (differ int, err error) {
	for _, object := range all {
		if own, err := o.own(ctx, client, object); err != nil {
			return 0, err
		} else if !own {
			continue
		}
		o.objects = append(o.objects, object)
		if err := o.app.foresee(ctx, client, object, before, after); err != nil {
			return 0, err
		}
		if file := object.GetKind() + " " + object.GetName(); !bytes.Equal(before[file], after[file]) {
			differ++
		}
	}
	return differ, nil
}

// own reports whether an object is the lane's to apply. The shared namespace is only
// made, never changed; an object of the name that is another lane's is refused.
func (o *opener) own(ctx context.Context, client *kube.Client, object pipeline.Object) (bool, error) {
	shared := object.GetKind() == "Namespace"
	if labels := object.GetLabels(); !shared && (labels[pipeline.LabelLane] != o.src.names.Lane || labels[pipeline.LabelProject] != o.src.names.Project) {
		return false, fail.Refuse("A4", object.GetKind()+" "+object.GetName(), "this is a defect of lane: report it", "it is not labelled as the new lane's")
	}
	gvr, err := resourceOf(object)
	if err != nil {
		return false, err
	}
	there, err := client.Get(ctx, gvr, object.GetNamespace(), object.GetName())
	if kube.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if shared {
		return false, nil
	}
	labels := there.GetLabels()
	if lane := labels[pipeline.LabelLane]; lane != o.src.names.Lane || labels[pipeline.LabelProject] != o.src.names.Project {
		return false, fail.Refuse("A4", object.GetKind()+" "+object.GetNamespace()+"/"+object.GetName(), "find out whose it is, and let them take it away",
			"the cluster has an object of this name that is not lane %s's", o.src.names.Lane)
	}
	if there.GetDeletionTimestamp() != nil { // what is applied to it would be gone with it
		where := object.GetKind() + " " + object.GetNamespace() + "/" + object.GetName()
		return false, fail.Fail(where, "wait until it is gone; a claim goes when the PipelineRuns of the lane that was retired are gone: kubectl -n "+
			object.GetNamespace()+" delete pipelinerun -l "+pipeline.LabelLane+"="+o.src.names.Lane, "it is being deleted")
	}
	return true, nil
}

// put applies objects, one after the other.
func (a *app) put(ctx context.Context, client *kube.Client, objects []pipeline.Object) error {
	for _, object := range objects {
		gvr, err := resourceOf(object)
		if err != nil {
			return err
		}
		if _, err := client.Apply(ctx, gvr, object.Unstructured, kube.Write{Force: true}); err != nil {
			return fmt.Errorf("applying the %s %s: %w", object.GetKind(), object.GetName(), err)
		}
		a.note("applied the %s %s", object.GetKind(), object.GetName())
	}
	return nil
}

// checklist says what no command can know or must not carry.
func (o *opener) checklist(ctx context.Context, client *kube.Client) {
	in, n, d := o.src.intent, o.src.names, &o.doc
	for _, name := range pipeline.Secrets(in, n) {
		how := map[string]string{n.GitSecret(): "lane secrets create git", n.SigningSecret(): "lane secrets create signing"}[name]
		d.Secrets = append(d.Secrets, neededSecret{Namespace: n.TektonNamespace, Name: name, Keys: []string{}, How: how})
	}
	for _, r := range in.SecretRefs {
		how := "make it with these keys"
		switch {
		case slices.Contains(r.Keys, "DATABASE_URL"):
			how = "lane secrets create postgres"
		case slices.Contains(r.Keys, "auth.json"):
			how = "lane secrets create codex"
		}
		d.Secrets = append(d.Secrets, neededSecret{Namespace: n.RuntimeNamespace, Name: r.Name, Keys: r.Keys, Purpose: r.Purpose, How: how})
	}
	there := map[string]string{}
	for i, s := range d.Secrets {
		if _, asked := there[s.Namespace]; !asked {
			there[s.Namespace] = secretNames(ctx, client, s.Namespace)
		}
		switch names := there[s.Namespace]; {
		case names == "":
			d.Secrets[i].State = stepUnseen
		case strings.Contains(names, "\n"+s.Name+"\n"):
			d.Secrets[i].State = "there"
		default:
			d.Secrets[i].State = "missing"
		}
	}
	scheme := "HTTPS"
	if in.Registry.Insecure {
		scheme = "plain HTTP"
	}
	d.Network = append(d.Network, fmt.Sprintf("registry %s by %s, from the nodes and from pods on the host's network; lanes share it", in.Registry.Address, scheme))
	if in.CI.Proxy != "" {
		d.Network = append(d.Network, "proxy of the runs: "+in.CI.Proxy)
	}
	if in.CI.SeccompProfile != "" {
		d.Network = append(d.Network, fmt.Sprintf("seccomp profile %s, in the kubelet's seccomp folder of each node (lane objects seccomp); lanes share it", in.CI.SeccompProfile))
	}
	d.Network = append(d.Network, fmt.Sprintf("Postgres: a database %s and a user of its own, when a service reads one", n.Database))
	for _, s := range in.Services {
		for _, e := range s.Network.Egress {
			if e.CIDR != "" {
				d.Network = append(d.Network, fmt.Sprintf("%s reaches %s, ports %v: see that it is this lane's", s.ID, e.CIDR, e.Ports))
			}
		}
	}
	d.Network = append(d.Network, "source worktree "+n.SourceWorktree+", on the cluster's host")
}

// secretNames are the names of a namespace's Secrets, each between newlines; "" when
// they cannot be seen. No value is asked for.
func secretNames(ctx context.Context, client *kube.Client, namespace string) string {
	if client == nil {
		return ""
	}
	list, err := client.Metadata(ctx, secretObjects, namespace, kube.Selection{})
	if err != nil {
		return ""
	}
	slices.SortFunc(list.Items, func(a, b metav1.PartialObjectMetadata) int { return strings.Compare(a.Name, b.Name) })
	var text strings.Builder
	text.WriteString("\n")
	for _, o := range list.Items {
		text.WriteString(o.Name + "\n")
	}
	return text.String()
}
