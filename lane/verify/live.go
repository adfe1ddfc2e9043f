package verify

import (
	"strconv"

	"github.com/pikasTech/agentrun/lane/names"
)

// namespace is rule I3.
func (j *judge) namespace(o *opinion) {
	ns, id := j.Live.Namespace, "Namespace "+j.Names.RuntimeNamespace
	switch {
	case !ns.Found && ns.Gap.Cause == Absent:
		o.against(id, "there is no such namespace")
	case !ns.Found:
		o.cannot(id, ns.Gap)
	case ns.Value.Name() != j.Names.RuntimeNamespace:
		o.differ(id, "metadata.name", ns.Value.Name(), j.Names.RuntimeNamespace)
	case ns.Value.Deleting():
		o.against(id, "it is being deleted")
	default:
		o.equal(id, "status.phase", ns.Value.Text("status", "phase"), "Active")
	}
}

// scope is rule E8: what the verdict rests on is of this lane.
func (j *judge) scope(o *opinion) {
	seen := 0
	for _, l := range j.Live.Lists {
		for _, obj := range l.Objects.Value {
			if seen++; obj.Namespace() != j.Names.RuntimeNamespace {
				o.differ(obj.ID(), "metadata.namespace", obj.Namespace(), j.Names.RuntimeNamespace)
			}
		}
	}
	if seen > 0 && o.state() != Contradicted {
		o.match("Namespace "+j.Names.RuntimeNamespace, "objects", strconv.Itoa(seen))
	}
	for _, part := range []struct {
		seen Seen[Object]
		id   string
	}{
		{j.Argo.Application, "Application " + j.Names.ArgoApplication},
		{j.Argo.AppProject, "AppProject " + j.Names.ArgoAppProject},
	} {
		if !part.seen.Found {
			continue // I4 and G2 speak of it
		}
		if got := part.seen.Value.ID(); got != part.id {
			o.differ(part.id, "metadata.name", got, part.id)
		}
	}
	if seen == 0 {
		o.cannot("Namespace "+j.Names.RuntimeNamespace, Gap{Why: "nothing in it was seen"})
	}
}

// retired is rule A5 for what is live.
func (j *judge) retired(o *opinion) {
	for _, n := range []string{j.Names.RuntimeNamespace, j.Names.TektonNamespace, j.Names.ArgoAppProject, j.Names.ArgoApplication} {
		if names.Retired(n) {
			o.differ("names", "name", n, "a version lane's")
		}
	}
	if !j.Argo.AppProject.Found {
		o.cannot("AppProject "+j.Names.ArgoAppProject, j.Argo.AppProject.Gap)
		return
	}
	if !j.Argo.Application.Found {
		o.cannot("Application "+j.Names.ArgoApplication, j.Argo.Application.Gap)
		return
	}
	targets := append(j.Argo.AppProject.Value.Items("spec", "destinations"), j.Argo.Application.Value.Map("spec", "destination"))
	for _, d := range targets {
		if ns := d.Text("namespace"); names.Retired(ns) {
			o.differ("Argo CD", "destination.namespace", ns, j.Names.RuntimeNamespace)
		} else {
			o.match("Argo CD", "destination.namespace", ns)
		}
	}
}
