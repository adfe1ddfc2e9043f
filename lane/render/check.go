package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"path"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/names"
)

// Check reads manifests back from their bytes and proves that they are this
// lane's alone: each file is under the runtime path (rule D4) and holds exactly
// what Render would write for its objects, of the kinds that Render knows (rule
// C3); each object is in the lane's namespace or is that Namespace (rule A3);
// none can be reached from outside (rule A6) or holds a Secret (rule C4); each
// image is one of the catalog's, by digest (rule F2). files may be a part of a
// tree, such as the files that a push changes. The error is a fail.Findings.
func Check(files Tree, n names.Names, c *catalog.Catalog) error {
	return (*Rendering)(nil).Check(files, n, c)
}

// pinned are the catalog's images, repository@digest.
func pinned(c *catalog.Catalog) map[string]bool {
	images := map[string]bool{}
	for _, s := range c.Services {
		images[s.Image.Repository+"@"+s.Image.Digest] = true
	}
	return images
}

// checker looks at one file.
type checker struct {
	n        names.Names
	pinned   map[string]bool
	file     string
	findings fail.Findings
}

func (k *checker) refuse(rule, format string, args ...any) {
	k.findings = append(k.findings, fail.Finding{
		Rule: rule, File: k.file, Why: fail.Clean(fmt.Sprintf(format, args...), 300),
		Hint: "render it again from deploy/deploy.json and the catalog",
	})
}

// manifestBytes is far above any file that Render writes.
const manifestBytes = 16 << 20

// place looks at where the file stands.
func (k *checker) place() {
	if !strings.HasPrefix(k.file, k.n.RuntimePath+"/") || path.Clean(k.file) != k.file || strings.HasPrefix(k.file, k.n.Metadata()+"/") {
		k.refuse("D4", "a manifest outside %s", k.n.RuntimePath)
	}
}

// read looks at what stands in the file.
func (k *checker) read(content []byte) {
	if len(content) > manifestBytes {
		k.refuse("C3", "%d bytes, the limit is %d", len(content), manifestBytes)
		return
	}
	var objects []object
	for doc := range documents(content) {
		o, ok := k.decode(doc)
		if !ok {
			return
		}
		objects = append(objects, o)
	}
	k.all(objects)
	// Whatever a reader could see in the bytes but not in the objects - another
	// document, an unknown field, a second key - shows here.
	if again, err := encode(objects); err != nil || !bytes.Equal(again, content) {
		k.refuse("C3", "not what lane writes for the objects in it")
	}
}

// all looks at the file's objects.
func (k *checker) all(objects []object) {
	for _, o := range objects {
		if _, ok := o.(*batchv1.Job); ok {
			k.refuse("C3", "a Job outside a job template's ConfigMap")
		}
		k.object(o)
	}
}

// documents are those of a file that Render wrote, each with its last newline.
func documents(content []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for doc := range bytes.SplitAfterSeq(content, []byte("\n---\n")) {
			if !yield(bytes.TrimSuffix(doc, []byte("---\n"))) {
				return
			}
		}
	}
}

// decode reads one object of a kind that Render writes.
func (k *checker) decode(doc []byte) (object, bool) {
	data, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		k.refuse("C3", "not YAML: %v", err)
		return nil, false
	}
	var head metav1.TypeMeta
	if err := json.Unmarshal(data, &head); err != nil {
		k.refuse("C3", "not a Kubernetes object: %v", err)
		return nil, false
	}
	o := newObject(head.APIVersion, head.Kind)
	switch {
	case head.Kind == "Secret":
		k.refuse("C4", "a Secret: its values would be in git")
		return nil, false
	case o == nil:
		k.refuse("C3", "%q of %q is no kind that a lane renders", head.Kind, head.APIVersion)
		return nil, false
	}
	if err := json.Unmarshal(data, o); err != nil {
		k.refuse("C3", "not a %s: %v", head.Kind, err)
		return nil, false
	}
	return o, true
}

// newObject is an empty object of one of the kinds that Render writes, or nil.
func newObject(apiVersion, kind string) object {
	switch apiVersion + " " + kind {
	case "v1 Namespace":
		return new(corev1.Namespace)
	case "v1 ServiceAccount":
		return new(corev1.ServiceAccount)
	case "v1 ConfigMap":
		return new(corev1.ConfigMap)
	case "v1 PersistentVolumeClaim":
		return new(corev1.PersistentVolumeClaim)
	case "v1 Service":
		return new(corev1.Service)
	case "apps/v1 Deployment":
		return new(appsv1.Deployment)
	case "batch/v1 Job":
		return new(batchv1.Job)
	case "rbac.authorization.k8s.io/v1 Role":
		return new(rbacv1.Role)
	case "rbac.authorization.k8s.io/v1 RoleBinding":
		return new(rbacv1.RoleBinding)
	case "networking.k8s.io/v1 NetworkPolicy":
		return new(networkingv1.NetworkPolicy)
	}
	return nil
}

func (k *checker) object(o object) {
	id := o.GetObjectKind().GroupVersionKind().Kind + " " + o.GetName()
	if _, ok := o.(*corev1.Namespace); ok {
		if o.GetName() != k.n.RuntimeNamespace || o.GetNamespace() != "" {
			k.refuse("A3", "%s is not the lane's Namespace %s", id, k.n.RuntimeNamespace)
		}
	} else if o.GetNamespace() != k.n.RuntimeNamespace {
		k.refuse("A3", "%s is in the namespace %q, not in %s", id, o.GetNamespace(), k.n.RuntimeNamespace)
	}
	switch o := o.(type) {
	case *corev1.Service:
		k.service(id, o.Spec)
	case *appsv1.Deployment:
		k.pod(id, o.Spec.Template.Spec)
	case *batchv1.Job:
		k.pod(id, o.Spec.Template.Spec)
	case *rbacv1.RoleBinding:
		k.binding(id, o)
	case *corev1.ConfigMap:
		if manifest, ok := o.Data[jobKey]; ok {
			k.job(id, []byte(manifest))
		}
	}
}

// job looks at the Job that a job template's ConfigMap holds.
func (k *checker) job(id string, manifest []byte) {
	o, ok := k.decode(manifest)
	if !ok {
		return
	}
	if _, ok := o.(*batchv1.Job); !ok {
		k.refuse("C3", "%s: %s holds no Job", id, jobKey)
		return
	}
	k.object(o)
	if again, err := encode([]object{o}); err != nil || !bytes.Equal(again, manifest) {
		k.refuse("C3", "%s: %s is not what lane writes for the Job in it", id, jobKey)
	}
}

func (k *checker) binding(id string, b *rbacv1.RoleBinding) {
	if b.RoleRef.Kind != "Role" {
		k.refuse("A3", "%s binds a %s, which reaches beyond the lane", id, b.RoleRef.Kind)
	}
	for _, s := range b.Subjects {
		if s.Kind != rbacv1.ServiceAccountKind || s.Namespace != k.n.RuntimeNamespace {
			k.refuse("A3", "%s binds the %s %s of the namespace %q", id, s.Kind, s.Name, s.Namespace)
		}
	}
}

func (k *checker) service(id string, s corev1.ServiceSpec) {
	if s.Type != corev1.ServiceTypeClusterIP || len(s.ExternalIPs) > 0 || s.ExternalName != "" {
		k.refuse("A6", "%s is a %s that can be reached from outside, not a ClusterIP", id, s.Type)
	}
	for _, p := range s.Ports {
		if p.NodePort != 0 {
			k.refuse("A6", "%s takes the port %d of every node", id, p.NodePort)
		}
	}
}

func (k *checker) pod(id string, p corev1.PodSpec) {
	if p.HostNetwork || p.HostPID || p.HostIPC {
		k.refuse("A6", "%s shares the node's network or processes", id)
	}
	for _, v := range p.Volumes {
		switch {
		case v.HostPath != nil:
			k.refuse("A6", "%s mounts the node's folder %s", id, v.HostPath.Path)
		case v.Secret != nil:
			k.refuse("G7", "%s mounts the Secret %s other than as a projection", id, v.Secret.SecretName)
		}
	}
	for _, ctr := range append(p.InitContainers, p.Containers...) {
		_, image, _ := strings.Cut(ctr.Image, "/") // after the registry's address
		if !k.pinned[image] {
			k.refuse("F2", "%s: the image %q of the container %s is none of the catalog's digests", id, ctr.Image, ctr.Name)
		}
		for _, port := range ctr.Ports {
			if port.HostPort != 0 || port.HostIP != "" {
				k.refuse("A6", "%s: the container %s takes the node's port %d", id, ctr.Name, port.HostPort)
			}
		}
		for _, e := range ctr.EnvFrom {
			if e.SecretRef != nil {
				k.refuse("G5", "%s: the container %s takes every key of the Secret %s", id, ctr.Name, e.SecretRef.Name)
			}
		}
	}
}
