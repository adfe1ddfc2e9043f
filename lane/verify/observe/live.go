package observe

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/verify"
)

// kind is a kind of object in the namespace.
type kind struct {
	schema.GroupVersionResource
	kind     string
	metadata bool // read only what they are called
}

func core(resource, name string) kind {
	return kind{schema.GroupVersionResource{Version: "v1", Resource: resource}, name, false}
}

func in(group, resource, name string) kind {
	return kind{schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource}, name, false}
}

var pods = core("pods", "Pod")

// manifestKinds are what a lane's manifests are of.
var manifestKinds = []kind{
	core("services", "Service"), core("configmaps", "ConfigMap"), core("serviceaccounts", "ServiceAccount"),
	core("persistentvolumeclaims", "PersistentVolumeClaim"),
	in("apps", "deployments", "Deployment"), in("batch", "jobs", "Job"), in("networking.k8s.io", "networkpolicies", "NetworkPolicy"),
	in("rbac.authorization.k8s.io", "roles", "Role"), in("rbac.authorization.k8s.io", "rolebindings", "RoleBinding"),
}

// kinds are read whole, but for Secrets.
var kinds = slices.Concat([]kind{pods}, manifestKinds, []kind{
	in("apps", "replicasets", "ReplicaSet"), in("discovery.k8s.io", "endpointslices", "EndpointSlice"),
	{schema.GroupVersionResource{Version: "v1", Resource: "secrets"}, "Secret", true},
})

var namespaces = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}

// parallel is how many questions go to the API server at once.
const parallel = 16

// live is the namespace and everything in it.
func (s *gatherer) live(ctx context.Context) {
	if s.Kube == nil {
		s.unseen(kinds)
		return
	}
	var g errgroup.Group
	g.SetLimit(parallel)
	lists := make([]verify.List, len(kinds))
	g.Go(func() error { s.namespace(ctx); return nil })
	var others []verify.List
	g.Go(func() error { s.events(ctx); return nil })
	g.Go(func() error { others = s.others(ctx); return nil })
	for i, k := range kinds {
		g.Go(func() error { lists[i] = s.list(ctx, k); return nil })
	}
	_ = g.Wait() // what failed is in the evidence
	s.evidence.Live.Lists = append(lists, others...)
}

// unseen is a namespace that cannot be asked about, with what would be looked for.
func (s *gatherer) unseen(wanted []kind) {
	live, g := &s.evidence.Live, s.noKube()
	live.Namespace, live.Complete = verify.Miss[verify.Object](g), verify.Miss[bool](g)
	live.Events, live.Logs = verify.Miss[[]verify.Event](g), verify.Miss[[]verify.LogEnd](g)
	for _, k := range wanted {
		live.Lists = append(live.Lists, verify.List{Group: k.Group, Kind: k.kind, MetadataOnly: k.metadata, Objects: verify.Miss[[]verify.Object](g)})
	}
}

func (s *gatherer) namespace(ctx context.Context) {
	ns, err := s.Kube.Get(ctx, namespaces, "", s.Names.RuntimeNamespace)
	if err != nil {
		s.evidence.Live.Namespace = verify.Miss[verify.Object](gap(err))
		return
	}
	s.evidence.Live.Namespace = verify.See(verify.Object(ns.Object)).Asked(s.Now())
}

// list reads the objects of one kind.
func (s *gatherer) list(ctx context.Context, k kind) verify.List {
	l := verify.List{Group: k.Group, Kind: k.kind, MetadataOnly: k.metadata}
	if k.metadata {
		l.Objects = s.metadata(ctx, k, s.Names.RuntimeNamespace)
		return l
	}
	l.Objects = s.whole(ctx, k.GroupVersionResource, s.Names.RuntimeNamespace, "")
	return l
}

// whole lists objects, but for what stands at the paths of omit.
func (s *gatherer) whole(ctx context.Context, gvr schema.GroupVersionResource, namespace, labels string, omit ...string) verify.Seen[[]verify.Object] {
	list, err := s.Kube.List(ctx, gvr, namespace, kube.Selection{Labels: labels}, omit...)
	if err != nil {
		return verify.Miss[[]verify.Object](gap(err))
	}
	return verify.See(objects(list.Items)).Asked(s.Now())
}

func objects(items []unstructured.Unstructured) []verify.Object {
	all := make([]verify.Object, len(items))
	for i, item := range items {
		all[i] = item.Object
	}
	return all
}

// metadata lists what objects are called.
func (s *gatherer) metadata(ctx context.Context, k kind, namespace string) verify.Seen[[]verify.Object] {
	list, err := s.Kube.Metadata(ctx, k.GroupVersionResource, namespace, kube.Selection{})
	if err != nil {
		return verify.Miss[[]verify.Object](gap(err))
	}
	objects := make([]verify.Object, len(list.Items))
	for i := range list.Items {
		meta, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&metav1.PartialObjectMetadata{ObjectMeta: list.Items[i].ObjectMeta})
		if err != nil {
			return verify.Miss[[]verify.Object](gap(err))
		}
		meta["apiVersion"], meta["kind"] = k.GroupVersion().String(), k.kind
		objects[i] = meta
	}
	return verify.See(objects).Asked(s.Now())
}

// others are the objects of all kinds that are not in kinds, as far as the server
// says that it has them.
func (s *gatherer) others(ctx context.Context) []verify.List {
	served, stale, err := s.Kube.Resources(ctx)
	if err != nil {
		s.evidence.Live.Complete = verify.Miss[bool](gap(err))
		return nil
	}
	s.evidence.Live.Complete = verify.See(len(stale) == 0)
	var more []kind
	for _, r := range served {
		known := slices.ContainsFunc(kinds, func(k kind) bool { return k.GroupResource() == r.GroupResource() })
		if known || !r.Namespaced || !slices.Contains(r.Verbs, "list") || transient(r.GroupResource()) {
			continue
		}
		more = append(more, kind{r.GroupVersionResource, r.Kind, true})
	}
	lists := make([]verify.List, len(more))
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, k := range more {
		g.Go(func() error { lists[i] = s.list(ctx, k); return nil })
	}
	_ = g.Wait() // what failed is in the lists
	return lists
}

// transient are objects that say something and keep nothing in being.
func transient(r schema.GroupResource) bool {
	return r.Resource == "events" || r.Group == "metrics.k8s.io"
}

// maxEvents is how many warnings are kept, the last ones.
const maxEvents = 10

// events are the namespace's warnings.
func (s *gatherer) events(ctx context.Context) {
	happened, err := s.Kube.Events(ctx, s.Names.RuntimeNamespace, "", "")
	if err != nil {
		s.evidence.Live.Events = verify.Miss[[]verify.Event](gap(err))
		return
	}
	warnings := []verify.Event{}
	for _, h := range happened {
		if h.Warning {
			warnings = append(warnings, verify.Event{
				Object: h.Kind + " " + h.Name, Reason: h.Reason, Message: withoutSecrets(h.Message), Count: h.Count, Last: h.Last,
			})
		}
	}
	s.evidence.Live.Events = verify.See(warnings[max(0, len(warnings)-maxEvents):])
}
