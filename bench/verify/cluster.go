package main

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/internal/kube/kubetest"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/render"
)

// cluster is an API server that has the pages of its lists ready.
type cluster struct {
	*kubetest.Server
	kubeconfig string // a file
	namespace  string
	objects    map[string][]object // by resource
	uid        int
}

type object = map[string]any

// written is when everything in the cluster was made.
const written = "2026-01-02T03:00:00Z"

// kinds are the resources by kind; objects of other kinds are not in the lane.
func kinds() map[string]schema.GroupVersionResource {
	all := map[string]schema.GroupVersionResource{}
	for group, kinds := range map[string]map[string]string{
		"":                          {"Pod": "pods", "Service": "services", "ConfigMap": "configmaps", "ServiceAccount": "serviceaccounts", "PersistentVolumeClaim": "persistentvolumeclaims", "Secret": "secrets"},
		"apps":                      {"Deployment": "deployments", "ReplicaSet": "replicasets"},
		"batch":                     {"Job": "jobs"},
		"networking.k8s.io":         {"NetworkPolicy": "networkpolicies"},
		"discovery.k8s.io":          {"EndpointSlice": "endpointslices"},
		"rbac.authorization.k8s.io": {"Role": "roles", "RoleBinding": "rolebindings"},
	} {
		for kind, resource := range kinds {
			all[kind] = schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource}
		}
	}
	return all
}

// path is where a resource of a namespace stands.
func path(r schema.GroupVersionResource, namespace string) string {
	root := "/api/" + r.Version
	if r.Group != "" {
		root = "/apis/" + r.Group + "/" + r.Version
	}
	return root + "/namespaces/" + namespace + "/" + r.Resource
}

// newCluster is the lane after its rollout.
func newCluster(dir string, n names.Names, in *intent.Intent, tree render.Tree) (*cluster, error) {
	c := &cluster{namespace: n.RuntimeNamespace, objects: map[string][]object{}, kubeconfig: filepath.Join(dir, "kubeconfig")}
	script := kubetest.Script{}
	for _, file := range tree.Paths() {
		for doc := range strings.SplitSeq(string(tree[file]), "\n---\n") {
			var o object
			if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
				return nil, err
			}
			c.born(o, "argocd-controller")
			if o["kind"] == "Namespace" {
				o["status"] = object{"phase": "Active"}
				data, err := json.Marshal(o)
				if err != nil {
					return nil, err
				}
				script["GET /api/v1/namespaces/"+c.namespace] = []http.HandlerFunc{kubetest.Object(string(data))}
				continue
			}
			c.add(o)
			switch o["kind"] {
			case "Deployment":
				c.rollout(o)
			case "Service":
				name := meta(o)["name"].(string)
				c.made("discovery.k8s.io/v1", "EndpointSlice", name+"-x", o, object{"kubernetes.io/service-name": name}, object{
					"endpoints": []any{object{"addresses": []any{"10.42.0.5"}, "conditions": object{"ready": true}}},
				})
			}
		}
	}
	for kind, r := range kinds() {
		script["GET "+path(r, c.namespace)] = []http.HandlerFunc{pages(kind, r, c.objects[kind])}
	}
	for kind, name := range map[string]string{"Application": n.ArgoApplication, "AppProject": n.ArgoAppProject} {
		o := object{"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": object{"name": name, "namespace": n.ArgoNamespace}, "spec": object{"project": n.ArgoAppProject}}
		c.born(o, "lane")
		data, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		script["GET /apis/argoproj.io/v1alpha1/namespaces/"+n.ArgoNamespace+"/"+strings.ToLower(kind)+"s/"+name] = []http.HandlerFunc{kubetest.Object(string(data))}
	}
	for _, empty := range []string{
		"/api/v1/namespaces/" + c.namespace + "/events",
		"/apis/argoproj.io/v1alpha1/namespaces/argocd/applications", "/apis/tekton.dev/v1/namespaces/shop-ci/pipelineruns",
	} {
		script["GET "+empty] = []http.HandlerFunc{kubetest.Object(`{"apiVersion":"v1","kind":"List","metadata":{"resourceVersion":"1"},"items":[]}`)}
	}
	for _, root := range []string{"/api", "/apis"} {
		script["GET "+root] = []http.HandlerFunc{kubetest.Object(`{"apiVersion":"apidiscovery.k8s.io/v2","kind":"APIGroupDiscoveryList","metadata":{},"items":[]}`)}
	}
	c.Server = kubetest.Start(script, func(string) {}) // what is not there is refused, and is no part of the measurement
	return c, os.WriteFile(c.kubeconfig, c.Kubeconfig, 0o600)
}

func meta(o object) object { return o["metadata"].(object) }

// born gives an object what the API server gives it.
func (c *cluster) born(o object, manager string) {
	c.uid++
	fields := object{}
	for key := range o {
		if key != "apiVersion" && key != "kind" && key != "status" && key != "metadata" {
			fields["f:"+key] = object{".": object{}}
		}
	}
	m := meta(o)
	m["uid"], m["creationTimestamp"], m["resourceVersion"], m["generation"] = fmt.Sprint("uid-", c.uid), written, "1", 1
	m["managedFields"] = []any{object{"manager": manager, "operation": "Apply", "apiVersion": o["apiVersion"], "fieldsType": "FieldsV1", "time": written, "fieldsV1": fields}}
}

func (c *cluster) add(o object) {
	kind := o["kind"].(string)
	c.objects[kind] = append(c.objects[kind], o)
}

// made adds what a controller makes for owner.
func (c *cluster) made(api, kind, name string, owner, labels, more object) object {
	o := object{"apiVersion": api, "kind": kind, "metadata": object{
		"name": name, "namespace": c.namespace, "labels": labels,
		"ownerReferences": []any{object{"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta(owner)["name"], "uid": meta(owner)["uid"], "controller": true}},
	}}
	maps.Copy(o, more)
	c.born(o, "k3s")
	c.add(o)
	return o
}

// rollout adds a ReplicaSet and two pods that are ready.
func (c *cluster) rollout(d object) {
	const revision = "deployment.kubernetes.io/revision"
	name := meta(d)["name"].(string)
	meta(d)["annotations"] = object{revision: "1"}
	d["status"] = object{"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}
	template := d["spec"].(object)["template"].(object)
	rs := c.made("apps/v1", "ReplicaSet", name+"-7d", d, object{"app.kubernetes.io/name": name}, object{"spec": object{"replicas": 2, "template": template}})
	meta(rs)["annotations"] = object{revision: "1"}
	container := template["spec"].(object)["containers"].([]any)[0].(object)
	for _, pod := range []string{"a", "b"} {
		c.made("v1", "Pod", name+"-7d-"+pod, rs, object{"app.kubernetes.io/name": name}, object{
			"spec": template["spec"],
			"status": object{
				"phase": "Running", "podIP": "10.42.0.5", "conditions": []any{object{"type": "Ready", "status": "True"}},
				"containerStatuses": []any{object{"name": container["name"], "image": container["image"], "imageID": container["image"], "ready": true, "state": object{"running": object{"startedAt": written}}}},
			},
		})
	}
}

// pages answers a list as an API server does: page by page when it is told how long a
// page is, and metadata alone when it is asked for that.
func pages(kind string, r schema.GroupVersionResource, all []object) http.HandlerFunc {
	type page struct{ from, size int }
	ready := map[page][]byte{}
	list := func(kind, api string, items []object, next string) []byte {
		if items == nil {
			items = []object{}
		}
		m := object{"resourceVersion": "1"}
		if next != "" {
			m["continue"] = next
		}
		data, err := json.Marshal(object{"apiVersion": api, "kind": kind, "metadata": m, "items": items})
		if err != nil {
			panic(err) // it was decoded
		}
		return data
	}
	const size = 500 // that lane and client-go's pagers ask for
	for from := 0; from == 0 || from < len(all); from += size {
		next := ""
		if from+size < len(all) {
			next = strconv.Itoa(from + size)
		}
		ready[page{from, size}] = list(kind+"List", r.GroupVersion().String(), all[from:min(from+size, len(all))], next)
	}
	partial := list("PartialObjectMetadataList", "meta.k8s.io/v1", nil, "")
	return func(w http.ResponseWriter, req *http.Request) {
		q := req.URL.Query()
		from, _ := strconv.Atoi(q.Get("continue")) // "" is the beginning
		limit, _ := strconv.Atoi(q.Get("limit"))
		data, ok := ready[page{from, limit}]
		if strings.Contains(req.Header.Get("Accept"), "PartialObjectMetadataList") {
			data, ok = partial, true
		}
		if !ok {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(data)
	}
}
