package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/promote"
	"github.com/pikasTech/agentrun/lane/render"
)

// manifest is one object as the branch has it.
type manifest struct {
	Object
	file string
}

func newJudge(e Evidence) *judge {
	if e.Gitops.Found && e.Gitops.Value.Catalog == nil {
		e.Gitops = Miss[Gitops](Gap{Cause: Failed, Why: "it was read without its catalog"})
	}
	j := &judge{Evidence: e, live: map[string]Object{}, lists: map[string]*List{}, manifest: map[string]manifest{}}
	for i := range e.Live.Lists {
		l := &e.Live.Lists[i]
		j.lists[l.Group+"/"+l.Kind] = l
		for _, o := range l.Objects.Value {
			j.live[o.identity()] = o
		}
	}
	if ns := e.Live.Namespace; ns.Found {
		j.live[ns.Value.identity()] = ns.Value
	}
	if !e.Gitops.Found {
		return j
	}
	j.records = metadata.Read(e.Gitops.Value.Files, j.Names)
	tree := j.manifests()
	known := j.Release.Rendered.Value.Objects(tree)
	for _, file := range tree.Paths() {
		objects, ok := known[file]
		if !ok {
			var err error
			if objects, err = read(tree[file]); err != nil {
				j.unread = append(j.unread, file)
			}
		}
		for _, o := range objects {
			j.manifest[Object(o).identity()] = manifest{o, file}
		}
	}
	return j
}

// refusals are what the render stage's own check has against the branch.
func (j *judge) refusals() fail.Findings {
	if !j.Gitops.Found {
		return nil
	}
	found, _ := errors.AsType[fail.Findings](j.Release.Rendered.Value.Check(j.manifests(), j.Names, j.Gitops.Value.Catalog))
	return found
}

// manifests are the files of the branch that Argo CD applies.
func (j *judge) manifests() render.Tree {
	tree := render.Tree{}
	for path, data := range j.Gitops.Value.Files {
		if strings.HasPrefix(path, j.Names.RuntimePath+"/") && !strings.HasPrefix(path, j.Names.Metadata()+"/") {
			tree[path] = data
		}
	}
	return tree
}

// read is the objects of a file. With an error come those before it.
func read(content []byte) ([]map[string]any, error) {
	var all []map[string]any
	for doc := range bytes.SplitAfterSeq(content, []byte("\n---\n")) {
		data, err := yaml.YAMLToJSONStrict(bytes.TrimSuffix(doc, []byte("---\n"))) // the last newline may be a text's
		if err != nil {
			return all, err
		}
		var o map[string]any
		if err := json.Unmarshal(data, &o); err != nil {
			return all, err
		}
		if o != nil {
			all = append(all, o)
		}
	}
	return all, nil
}

// objects are the live objects of a kind. When they were not seen, o says so.
func (j *judge) objects(o *opinion, group, kind string) ([]Object, bool) {
	l := j.lists[group+"/"+kind]
	switch {
	case l == nil:
		o.cannot(plurals(kind), Gap{})
		return nil, false
	case !l.Objects.Found:
		o.cannot(plurals(kind), l.Objects.Gap)
		return nil, false
	}
	return l.Objects.Value, true
}

// gitops is the branch; when it was not seen, o says so.
func (j *judge) gitops(o *opinion) (Gitops, bool) {
	if !j.Gitops.Found {
		o.cannot(j.Names.GitopsRef(), j.Gitops.Gap)
	}
	return j.Gitops.Value, j.Gitops.Found
}

// declared are the branch's objects of a kind, by name.
func (j *judge) declared(kind string) []manifest {
	var all []manifest
	for _, id := range slices.Sorted(maps.Keys(j.manifest)) {
		if m := j.manifest[id]; m.Kind() == kind {
			all = append(all, m)
		}
	}
	return all
}

// intent is the released intent, or that of where verify was asked.
func (j *judge) intent() *intent.Intent {
	switch {
	case j.Release.Intent.Found && j.Release.Intent.Value != nil:
		return j.Release.Intent.Value
	case j.Intent != nil:
		return j.Intent
	}
	return &intent.Intent{}
}

// service is the service of a live object by its label, if it has the kind.
func (j *judge) service(o Object, kind string) (intent.Service, bool) {
	name, all := o.Label(nameLabel), j.intent().Services
	for i := range all {
		if all[i].ID == name && all[i].Kind == kind && all[i].Enabled {
			return all[i], true
		}
	}
	return intent.Service{}, false
}

const nameLabel = "app.kubernetes.io/name"

// Promotion is the commit that made the branch's content: the head, or the one below
// commits that changed the lane's metadata alone.
func (g Gitops) Promotion() Seen[Promotion] {
	if promote.Trailer(g.Message, promote.TrailerPromotion) == "" {
		return See(Promotion{Commit: g.Commit, Message: g.Message, Signature: g.Signature})
	}
	return g.Below
}

// RolledBack reports whether the branch has the content of an earlier commit again.
func (g Gitops) RolledBack() bool {
	return g.Promotion().Value.trailer(promote.TrailerRollback) != ""
}

// Restart is the promotion that replaced pods and that the branch's content comes from:
// the one that promoted, or the one that a rollback brings back.
func (g Gitops) Restart() (p Promotion, ok bool) {
	for _, s := range []Seen[Promotion]{g.Promotion(), g.Restored} {
		if s.Value.trailer(promote.TrailerRestart) != "" {
			return s.Value, true
		}
	}
	return Promotion{}, false
}

func (p Promotion) trailer(key string) string { return promote.Trailer(p.Message, key) }

// Run is the name of the PipelineRun that promoted, as the branch tells it, or "".
func (g Gitops) Run() string { return g.Promotion().Value.trailer(promote.TrailerRun) }
