package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	apidiscovery "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pikasTech/agentrun/internal/fail"
)

// Served is one resource in the version that the server prefers.
type Served struct {
	schema.GroupVersionResource
	Kind       string
	Namespaced bool
	Verbs      []string
}

// Resources are all resources that the server serves, each once, in the order of
// group and name. It takes two requests. A group whose own server does not answer
// (an aggregated API that is down) is named in stale and has no resources.
func (c *Client) Resources(ctx context.Context) (served []Served, stale []string, err error) {
	const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList," +
		"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
	for _, path := range []string{"/api", "/apis"} {
		data, err := c.raw(ctx, question{verb: "get", where: path}, c.rest.Get().AbsPath(path).SetHeader("Accept", accept))
		if err != nil {
			return nil, nil, err
		}
		var list apidiscovery.APIGroupDiscoveryList
		if err := json.Unmarshal(data, &list); err != nil || list.Kind != "APIGroupDiscoveryList" {
			return nil, nil, fail.Fail(c.Server, "use Kubernetes 1.26 or newer", "the server does not list what it serves in one answer")
		}
		for _, group := range list.Items {
			if slices.ContainsFunc(group.Versions, func(v apidiscovery.APIVersionDiscovery) bool {
				return v.Freshness == apidiscovery.DiscoveryFreshnessStale
			}) {
				stale = append(stale, group.Name)
			}
			served = append(served, preferred(group)...)
		}
	}
	slices.SortFunc(served, func(a, b Served) int {
		return strings.Compare(a.Group+"\x00"+a.Resource, b.Group+"\x00"+b.Resource)
	})
	return served, stale, nil
}

// preferred are a group's resources, each in the first version that has it: the
// server lists its versions by preference.
func preferred(group apidiscovery.APIGroupDiscovery) []Served {
	var out []Served
	seen := map[string]bool{}
	for _, v := range group.Versions {
		for _, r := range v.Resources {
			if seen[r.Resource] || r.ResponseKind == nil {
				continue
			}
			seen[r.Resource] = true
			out = append(out, Served{
				GroupVersionResource: schema.GroupVersionResource{Group: group.Name, Version: v.Version, Resource: r.Resource},
				Kind:                 r.ResponseKind.Kind, Namespaced: r.Scope == apidiscovery.ScopeNamespace, Verbs: r.Verbs,
			})
		}
	}
	return out
}

// installed is how what serves a group gets into a cluster.
var installed = map[string]string{
	"tekton.dev":            "Tekton Pipelines is not installed: kubectl apply -f https://github.com/tektoncd/pipeline/releases/download/v1.6.0/release.yaml",
	"triggers.tekton.dev":   "Tekton Triggers is not installed: see https://tekton.dev/docs/triggers/install/",
	"argoproj.io":           "Argo CD is not installed: kubectl create namespace argocd && kubectl apply -n argocd --server-side -f https://raw.githubusercontent.com/argoproj/argo-cd/v3.2.11/manifests/install.yaml",
	"monitoring.coreos.com": "the Prometheus operator's CRDs are not installed",
}

// noResource says whether the server lacks the resource or only its version.
func (c *Client) noResource(ctx context.Context, q question, err error) (*refusal, string) {
	group := q.gvr.Group
	no := func(hint, format string, args ...any) (*refusal, string) {
		return &refusal{noResource, fmt.Sprintf(format, args...), err}, hint
	}
	if group == "" {
		return no("see what the kubeconfig's server is", "the server does not serve %s", q.gvr.Resource)
	}
	install := installed[group]
	if install == "" {
		install = "install what serves " + group
	}
	var have struct {
		Versions []struct {
			Version string `json:"version"`
		} `json:"versions"`
	}
	data, askErr := c.try(ctx, c.rest.Get().AbsPath("/apis/"+group))
	if askErr != nil || json.Unmarshal(data, &have) != nil || len(have.Versions) == 0 {
		return no(install, "the server does not serve %s", Resource(q.gvr))
	}
	versions := make([]string, len(have.Versions))
	for i, v := range have.Versions {
		versions[i] = clean(v.Version)
	}
	if slices.Contains(versions, q.gvr.Version) {
		return no(install, "the server serves %s/%s without %s", group, q.gvr.Version, q.gvr.Resource)
	}
	return no("install a release of it that serves "+q.gvr.Version,
		"the server does not serve %s in version %s, only %s", Resource(q.gvr), q.gvr.Version, strings.Join(versions, ", "))
}
