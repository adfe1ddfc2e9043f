package observe

import (
	"context"
	"crypto/sha256"
	"slices"
	"sync"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/internal/memo"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/promote"
	"github.com/pikasTech/agentrun/lane/verify"
)

// Glance looks at what `lane status` shows, with one question to each: no history,
// registry, events, logs, check or Tekton objects. The manifests and the objects that are
// made of them are read only when they are not what they were at an earlier glance; what
// is remembered is what a status says of them. The error says that ctx ended.
func (o *Observer) Glance(ctx context.Context) (verify.Evidence, error) {
	s := o.gatherer()
	var all sync.WaitGroup
	var there []listing
	all.Go(func() { s.records(ctx) })
	all.Go(func() { there = s.present(ctx) })
	all.Go(func() { s.destination(ctx) })
	all.Go(func() { s.runs(ctx) })
	all.Wait()
	s.steady(ctx, there)
	return s.evidence, context.Cause(ctx)
}

// records is the head of the branch without its manifests.
func (s *gatherer) records(ctx context.Context) {
	told, err := s.heads(ctx)
	at := s.Now()
	var head *promote.Head
	var files map[string][]byte
	var commit git.Commit
	if err == nil {
		head, files, commit, err = s.Branch.Records(ctx, told)
	}
	if err != nil {
		s.evidence.Gitops = verify.Miss[verify.Gitops](gap(err))
		s.evidence.Release.Intent = verify.Miss[*intent.Intent](gap(errNoBranch))
		return
	}
	s.evidence.Gitops = verify.See(verify.Gitops{
		Commit: head.Commit, Tree: commit.Tree, Message: commit.Message, Catalog: head.Catalog, Files: files,
	}).Asked(at)
	s.evidence.Release.Intent = seen(s.intentAt(ctx, head.Catalog.SourceCommitID))
}

// listing are the objects of a kind, not read yet.
type listing struct {
	of   kind
	raw  kube.Unread
	seen verify.Seen[[]verify.Object] // none of the objects, or why not
}

func (s *gatherer) listing(ctx context.Context, k kind) listing {
	raw, err := s.Kube.Unread(ctx, k.GroupVersionResource, s.Names.RuntimeNamespace, kube.Selection{})
	return listing{k, raw, seen([]verify.Object(nil), err).Asked(s.Now())}
}

func (l listing) list() verify.List {
	return verify.List{Group: l.of.Group, Kind: l.of.kind, Objects: l.seen}
}

// read reads the objects.
func (l listing) read() verify.List {
	list := l.list()
	if l.seen.Found {
		items, err := l.raw.Read()
		list.Objects = seen(objects(items), err).Asked(l.seen.At)
	}
	return list
}

// unshown are the members of a pod that are of no interest to a status.
func unshown() []string {
	all := []string{"metadata.annotations", "metadata.managedFields", "spec.affinity", "spec.securityContext", "spec.tolerations", "spec.volumes"}
	for _, list := range []string{"spec.containers", "spec.initContainers"} {
		for _, member := range []string{
			"args", "command", "env", "envFrom", "lifecycle", "livenessProbe", "ports", "readinessProbe", "resources",
			"securityContext", "startupProbe", "volumeMounts",
		} {
			all = append(all, list+"."+member)
		}
	}
	return all
}

// present is what is in the namespace: of pods what is shown, of the kinds that manifests
// are of only whether it is what it was.
func (s *gatherer) present(ctx context.Context) []listing {
	if s.Kube == nil {
		s.unseen(append([]kind{pods}, manifestKinds...))
		return nil
	}
	there := make([]listing, len(manifestKinds))
	lists := make([]verify.List, 1+len(there))
	var g errgroup.Group
	g.SetLimit(parallel)
	g.Go(func() error { s.namespace(ctx); return nil })
	g.Go(func() error {
		lists[0] = verify.List{Group: pods.Group, Kind: pods.kind, Objects: s.whole(ctx, pods.GroupVersionResource, s.Names.RuntimeNamespace, "", unshown()...)}
		return nil
	})
	for i, k := range manifestKinds {
		g.Go(func() error {
			there[i] = s.listing(ctx, k)
			lists[1+i] = there[i].list()
			return nil
		})
	}
	_ = g.Wait() // what failed is in the lists
	s.evidence.Live.Lists = lists
	return there
}

// steady is remembered, or found in what was not read yet.
func (s *gatherer) steady(ctx context.Context, there []listing) {
	key, ok := s.standing(there)
	known := memo.Open(s.Steady)
	if value, found := known.Get(key); ok && found {
		var v verify.Steady
		if json.Unmarshal(value, &v) == nil && v.Drift != nil {
			s.evidence.Steady = verify.See(v)
			return
		}
	}
	e := s.read(ctx, there)
	s.evidence.Steady = verify.SteadyOf(e)
	unread := slices.ContainsFunc(e.Live.Lists, func(l verify.List) bool { return !l.Objects.Found })
	if !ok || unread || s.evidence.Steady.Value.Drift == nil {
		return
	}
	if value, err := json.Marshal(s.evidence.Steady.Value); err == nil {
		known.Put(key, value)
		known.Save()
	}
}

// standing is the hash of all that the steady part rests on. It is not ok when something
// of that was not seen, or when it also rests on what time it is, as the records of
// hotfixes do.
func (s *gatherer) standing(there []listing) (key memo.Key, ok bool) {
	e := &s.evidence
	app, project := e.Argo.Application, e.Argo.AppProject
	if s.Program == "" || !e.Gitops.Found || !e.Release.Intent.Found || !e.Live.Namespace.Found || !app.Found || !project.Found {
		return key, false
	}
	if len(metadata.Read(e.Gitops.Value.Files, s.Names).Hotfixes) > 0 {
		return key, false
	}
	names, err := canon.Marshal(s.Names)
	if err != nil {
		return key, false
	}
	rest, err := json.Marshal([]any{e.Live.Namespace.Value, writers(app.Value), writers(project.Value)}, json.Deterministic(true))
	if err != nil {
		return key, false
	}
	var all memo.Encoder
	all.String("steady of " + s.Program)
	all.Bytes(names)
	all.String(e.Gitops.Value.Tree)
	all.Bytes(rest)
	for _, l := range there {
		if !l.seen.Found {
			return key, false
		}
		all.String(l.of.Group + "/" + l.of.kind)
		all.Bytes(l.raw.Sum[:])
	}
	return sha256.Sum256(all), true
}

// writers are who wrote which fields of an object, without when: Argo CD writes into its
// own objects all the time.
func writers(o verify.Object) []any {
	var all []any
	for _, m := range o.Items("metadata", "managedFields") {
		all = append(all, m["manager"], m["fieldsV1"])
	}
	return all
}

// read reads everything but pods, which no render writes: one that a hand put on the
// branch keeps the drift from being counted.
func (s *gatherer) read(ctx context.Context, there []listing) verify.Evidence {
	e := s.evidence
	var all sync.WaitGroup
	all.Go(func() { s.manifests(ctx, &e) })
	if there != nil { // else nobody could be asked
		e.Live.Lists = make([]verify.List, len(there))
	}
	for i, l := range there {
		all.Go(func() { e.Live.Lists[i] = l.read() })
	}
	all.Wait()
	for i := range there {
		if l := e.Live.Lists[i]; !l.Objects.Found {
			s.evidence.Live.Lists[1+i] = l // after the pods
		}
	}
	return e
}

// manifests are the branch's files, and what the released commit renders to.
func (s *gatherer) manifests(ctx context.Context, e *verify.Evidence) {
	if !e.Gitops.Found {
		return
	}
	_, files, _, err := s.Branch.Past(ctx, e.Gitops.Value.Commit)
	if err != nil {
		e.Gitops = verify.Miss[verify.Gitops](gap(err))
		return
	}
	e.Gitops.Value.Files = files
	e.Release.Rendered = s.rendered(e)
}
