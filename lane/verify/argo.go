package verify

import (
	"cmp"
	"slices"
	"strings"
)

// inCluster is how Argo CD calls the cluster that it runs in.
const inCluster = "https://kubernetes.default.svc"

// argo is an object of Argo CD; when it was not seen or is not there, o says so.
func argo(o *opinion, seen Seen[Object], id string) (Object, bool) {
	switch {
	case !seen.Found && seen.Gap.Cause == Absent:
		o.against(id, "it is not there")
	case !seen.Found:
		o.cannot(id, seen.Gap)
	}
	return seen.Value, seen.Found
}

func (j *judge) app(o *opinion) (Object, string, bool) {
	id := "Application " + j.Names.ArgoApplication
	app, ok := argo(o, j.Argo.Application, id)
	return app, id, ok
}

// revisions are the ways to name the branch. The short one is unambiguous as long
// as no tag has that name, which promote refuses.
func (j *judge) revisions() []string { return []string{j.Names.GitopsRef(), j.Names.GitopsBranch} }

// application is rule G3: what Argo CD is told.
func (j *judge) application(o *opinion) {
	app, id, ok := j.app(o)
	if !ok {
		return
	}
	o.equal(id, "spec.project", app.Text("spec", "project"), j.Names.ArgoAppProject)
	j.from(o, id, "spec.source", app.Map("spec", "source"))
	for _, s := range append(app.Items("spec", "sources"), app.Map("spec", "sourceHydrator")) {
		if s != nil {
			o.against(id, "it has a second source: %s %s", s.Text("repoURL"), s.Text("path"))
		}
	}
	dest := app.Map("spec", "destination")
	o.equal(id, "spec.destination.namespace", dest.Text("namespace"), j.Names.RuntimeNamespace)
	if dest.Text("name") != "in-cluster" {
		o.equal(id, "spec.destination.server", dest.Text("server"), inCluster)
	}
}

// from compares a source with the lane's.
func (j *judge) from(o *opinion, id, field string, s Object) {
	o.equal(id, field+".repoURL", s.Text("repoURL"), j.intent().Source.Repository)
	o.equal(id, field+".targetRevision", s.Text("targetRevision"), j.revisions()...)
	o.equal(id, field+".path", s.Text("path"), j.Names.RuntimePath)
	for _, tool := range []string{"helm", "kustomize", "plugin", "chart", "ref"} {
		if s.At(tool) != nil {
			o.differ(id, field+"."+tool, "set", "nothing: manifests are applied as they are")
		}
	}
}

// synced is rule I4: what Argo CD says it has done.
func (j *judge) synced(o *opinion) {
	app, id, ok := j.app(o)
	if !ok {
		return
	}
	sync := app.Map("status", "sync")
	if status := sync.Text("status"); status == "OutOfSync" && j.recorded() {
		o.match(id, "status.sync.status", status)
		o.note(id, "it is %s, by recorded hotfixes alone", status)
	} else {
		o.equal(id, "status.sync.status", status, "Synced")
	}
	o.equal(id, "status.health.status", app.Text("status", "health", "status"), "Healthy")
	j.from(o, id, "status.sync.comparedTo.source", sync.Map("comparedTo", "source"))
	for _, r := range app.Items("status", "resources") {
		if health := r.Text("health", "status"); health != "" && health != "Healthy" || r.Text("status") == "OutOfSync" {
			o.note(id, "%s %s: %s %s %s", r.Text("kind"), r.Text("name"), r.Text("status"), health, hidden(r.Text("health", "message")))
		}
	}
	g, ok := j.gitops(o)
	if !ok {
		return
	}
	revision := sync.Text("revision")
	tree := j.Argo.SyncedTree
	switch {
	case revision == g.Commit:
		o.match(id, "status.sync.revision", revision)
	case revision != "" && revision == g.Below.Value.Commit && len(g.Below.Value.Against) == 0:
		o.match(id, "status.sync.revision", revision+", which promoted; only metadata has changed since")
	case revision == "":
		o.differ(id, "status.sync.revision", "", g.Commit)
	case !tree.Found:
		if tree.Gap.Cause == Absent {
			o.differ(id, "status.sync.revision", revision, g.Commit)
			return
		}
		o.cannot(id+" at "+revision, tree.Gap)
	case tree.Value == g.Tree:
		o.match(id, "status.sync.revision", revision+", whose content is the branch's")
	default:
		o.differ(id, "status.sync.revision", revision, g.Commit)
	}
}

// syncs is rule E7: that Argo CD keeps the path by itself, and can.
func (j *judge) syncs(o *opinion) {
	app, id, ok := j.app(o)
	if !ok {
		return
	}
	auto := app.At("spec", "syncPolicy", "automated")
	if _, is := auto.(map[string]any); !is || app.At("spec", "syncPolicy", "automated", "enabled") == false {
		if j.strays(o, app, "spec.syncPolicy.automated", "off", "on: the Application is paused") {
			o.match(id, "spec.syncPolicy.automated", "off, as recorded")
		}
	} else {
		o.match(id, "spec.syncPolicy.automated", "on")
		for _, f := range []string{"prune", "selfHeal"} {
			if at := "spec.syncPolicy.automated." + f; app.Flag("spec", "syncPolicy", "automated", f) {
				o.match(id, at, "true")
			} else {
				j.strays(o, app, at, "false", "true")
			}
		}
	}
	switch phase, past := LastSync(app); {
	case past && phase == "":
		o.note(id, "nothing had to be synced yet")
	case past:
		o.note(id, "the last operation, of another revision, ended as %s; nothing had to be synced since", phase)
	case phase != "Succeeded":
		o.differ(id, "status.operationState.phase", phase, "Succeeded")
		o.note(id, "%s", hidden(app.Text("status", "operationState", "message")))
	default:
		o.match(id, "status.operationState.phase", phase)
	}
	for _, c := range app.Items("status", "conditions") {
		if kind := c.Text("type"); strings.HasSuffix(kind, "Error") {
			o.differ(id, "status.conditions", kind+": "+hidden(c.Text("message")), "no error")
		} else {
			o.note(id, "%s: %s", kind, hidden(c.Text("message")))
		}
	}
}

// LastSync is the phase of an Application's last operation. It is past when it says
// nothing of what is synced now: Argo CD begins none where it finds all as it should be,
// which is so for an Application made beside its objects, and after a revision that
// failed was taken back. One that still runs is never past.
func LastSync(app Object) (phase string, past bool) {
	state := app.Map("status", "operationState")
	phase = state.Text("phase")
	if app.Text("status", "sync", "status") != "Synced" {
		return phase, false
	}
	switch phase {
	case "":
		return "", true
	case "Failed", "Error":
		of := cmp.Or(state.Text("syncResult", "revision"), state.Text("operation", "sync", "revision"))
		return phase, of != "" && of != app.Text("status", "sync", "revision")
	}
	return phase, false
}

// project is rule G2.
func (j *judge) project(o *opinion) {
	id := "AppProject " + j.Names.ArgoAppProject
	p, ok := argo(o, j.Argo.AppProject, id)
	if !ok {
		return
	}
	if repos := p.Texts("spec", "sourceRepos"); len(repos) != 1 {
		o.differ(id, "spec.sourceRepos", list(repos, 4), j.intent().Source.Repository)
	} else {
		o.equal(id, "spec.sourceRepos", repos[0], j.intent().Source.Repository)
	}
	var dests []string
	for _, d := range p.Items("spec", "destinations") {
		server := d.Text("server")
		if d.Text("name") == "in-cluster" && server == "" {
			server = inCluster
		}
		dests = append(dests, server+" "+d.Text("namespace"))
	}
	o.equal(id, "spec.destinations", strings.Join(dests, ", "), inCluster+" "+j.Names.RuntimeNamespace)
	var kinds []string
	for _, k := range p.Items("spec", "clusterResourceWhitelist") {
		kinds = append(kinds, strings.TrimSpace(k.Text("group")+" "+k.Text("kind")+" "+k.Text("name")))
	}
	slices.Sort(kinds)
	o.equal(id, "spec.clusterResourceWhitelist", strings.Join(kinds, ", "), "Namespace", "Namespace "+j.Names.RuntimeNamespace)
	if more := p.Texts("spec", "sourceNamespaces"); len(more) > 0 {
		o.differ(id, "spec.sourceNamespaces", list(more, 4), "none: Applications are in "+j.Names.ArgoNamespace)
	}
}
