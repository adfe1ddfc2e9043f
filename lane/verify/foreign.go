package verify

import (
	"fmt"
	"slices"

	"github.com/pikasTech/agentrun/lane/intent"
)

// foreign is rule G1: everything in the namespace comes from the branch, or from
// what comes from it.
func (j *judge) foreign(o *opinion) {
	apps := j.Argo.Applications
	if !apps.Found {
		o.cannot("Applications in "+j.Names.ArgoNamespace, apps.Gap)
	}
	for _, a := range apps.Value {
		if a.Text("spec", "destination", "namespace") == j.Names.RuntimeNamespace && a.Name() != j.Names.ArgoApplication {
			o.against(a.ID(), "it deploys into %s too", j.Names.RuntimeNamespace)
		}
	}
	if _, ok := j.gitops(o); !ok {
		return
	}
	switch complete := j.Live.Complete; {
	case !complete.Found:
		o.cannot("kinds of objects", complete.Gap)
	case !complete.Value:
		o.cannot("kinds of objects", Gap{Why: "some are served by an extension that does not answer"})
	}
	known := j.accounted()
	n := 0
	for _, l := range j.Live.Lists {
		if !l.Objects.Found {
			if l.Objects.Gap.Cause != NoKind {
				o.cannot(plurals(l.Kind), l.Objects.Gap)
			}
			continue
		}
		for _, obj := range l.Objects.Value {
			n++
			switch owner, gap := j.unseenOwner(obj, 0); {
			case known[obj.UID()]:
			case owner != "":
				o.cannot(obj.ID()+" of "+owner, gap)
			default:
				o.against(obj.ID(), "%s", j.whose(obj))
			}
		}
	}
	if o.state() != Contradicted && n > 0 {
		o.match("Namespace "+j.Names.RuntimeNamespace, "objects", fmt.Sprintf("all %d of %d kinds come from the branch", n, len(j.Live.Lists)))
	}
}

// unseenOwner is an owner of an object, or of its owner, whose kind could not be
// seen, and why.
func (j *judge) unseenOwner(obj Object, depth int) (string, Gap) {
	for _, r := range obj.Items("metadata", "ownerReferences") {
		l := j.lists[r.Group()+"/"+r.Kind()]
		if l == nil {
			continue
		}
		if !l.Objects.Found {
			return r.Kind() + " " + r.Text("name"), l.Objects.Gap
		}
		owner := j.live[r.Group()+"/"+r.Kind()+"/"+r.Text("name")]
		if owner.UID() == r.Text("uid") && depth < maxOwners {
			return j.unseenOwner(owner, depth+1)
		}
	}
	return "", Gap{}
}

// maxOwners bounds how far owners are followed: they can be made to go round.
const maxOwners = 8

// whose says what is known of an object that nobody accounts for.
func (j *judge) whose(obj Object) string {
	if obj.Kind() == "Secret" {
		return "a Secret that the intent does not declare"
	}
	s := "it is in no manifest of the branch and belongs to nothing that is"
	if m := writers(obj); len(m) > 0 {
		s += "; written by " + m[0]
	}
	return s
}

// accounted are the uids of all objects that come from the branch: declared there,
// made by the cluster itself, started by the manager, or owned by one of those.
func (j *judge) accounted() map[string]bool {
	known := map[string]bool{}
	var rest []Object
	for _, l := range j.Live.Lists {
		for _, obj := range l.Objects.Value {
			if _, ok := j.manifest[obj.identity()]; ok || j.clusterMade(obj) || j.ours(obj) {
				known[obj.UID()] = true
			} else {
				rest = append(rest, obj)
			}
		}
	}
	for again := true; again; {
		again = false
		rest = slices.DeleteFunc(rest, func(obj Object) bool {
			owned := slices.ContainsFunc(obj.Items("metadata", "ownerReferences"), func(r Object) bool { return r.Text("uid") != "" && known[r.Text("uid")] })
			if owned {
				known[obj.UID()], again = true, true
			}
			return owned
		})
	}
	return known
}

// clusterMade reports whether Kubernetes puts such an object into each namespace.
func (j *judge) clusterMade(obj Object) bool {
	switch obj.Group() + "/" + obj.Kind() {
	case "/ConfigMap":
		return obj.Name() == "kube-root-ca.crt"
	case "/ServiceAccount":
		return obj.Name() == "default"
	case "/Endpoints":
		_, ok := j.manifest["/Service/"+obj.Name()]
		return ok
	case "/Event", "events.k8s.io/Event", "metrics.k8s.io/PodMetrics":
		return true
	}
	return false
}

// ours reports whether an object without a manifest is the lane's: a declared
// Secret, or a run that the manager has started.
func (j *judge) ours(obj Object) bool {
	switch obj.Group() + "/" + obj.Kind() {
	case "/Secret":
		return slices.ContainsFunc(j.intent().SecretRefs, func(s intent.SecretRef) bool { return s.Name == obj.Name() })
	case "batch/Job":
		_, ok := j.service(obj, intent.JobTemplate)
		return ok
	}
	return false
}
