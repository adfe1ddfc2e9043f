package render

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/intent"
)

// object is any Kubernetes object.
type object interface {
	metav1.Object
	runtime.Object
}

// file is what stands in one file, in that order; path is within the runtime path.
type file struct {
	path    string
	objects []object
}

// podSecurity is the version of the Pod Security level: a newer cluster does not
// silently ask more of a release that was accepted.
const podSecurity = "v1.34"

// confirmed keeps Argo CD from deleting what cannot be brought back until a
// person has confirmed it.
func confirmed() map[string]string {
	return map[string]string{"argocd.argoproj.io/sync-options": "Prune=confirm,Delete=confirm"}
}

// The values of the label app.kubernetes.io/component.
const (
	componentLane = "lane" // belongs to the lane, not to one service
	componentJob  = "job"
	componentPod  = "deployment"
)

const nameLabel = "app.kubernetes.io/name"

func (r *renderer) labels(name, component string) map[string]string {
	return map[string]string{
		nameLabel:                      name,
		"app.kubernetes.io/component":  component,
		"app.kubernetes.io/part-of":    r.n.Project,
		"app.kubernetes.io/managed-by": "lane",
	}
}

// meta is the metadata of an object in the lane's namespace.
func (r *renderer) meta(name, component string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: r.n.RuntimeNamespace, Labels: r.labels(name, component)}
}

func kind(apiVersion, kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: apiVersion, Kind: kind}
}

func (r *renderer) namespace() (file, error) {
	meta := r.meta(r.n.RuntimeNamespace, componentLane)
	meta.Namespace = ""
	meta.Annotations = confirmed()
	for _, mode := range []string{"enforce", "audit", "warn"} {
		meta.Labels["pod-security.kubernetes.io/"+mode] = "restricted"
		meta.Labels["pod-security.kubernetes.io/"+mode+"-version"] = podSecurity
	}
	return file{"namespace.yaml", []object{&corev1.Namespace{TypeMeta: kind("v1", "Namespace"), ObjectMeta: meta}}}, nil
}

func (r *renderer) network() (file, error) {
	return file{"network.yaml", []object{&networkingv1.NetworkPolicy{
		TypeMeta:   kind("networking.k8s.io/v1", "NetworkPolicy"),
		ObjectMeta: r.meta("default-deny", componentLane),
		Spec:       networkingv1.NetworkPolicySpec{PolicyTypes: bothDirections()},
	}}}, nil
}

func (r *renderer) access() (file, error) {
	f := file{path: "access.yaml"}
	for _, a := range r.in.ServiceAccounts {
		f.objects = append(f.objects, &corev1.ServiceAccount{
			TypeMeta: kind("v1", "ServiceAccount"), ObjectMeta: r.meta(a.Name, componentLane),
			AutomountServiceAccountToken: new(false), // the pods that need a token say so
		})
		if len(a.Rules) == 0 {
			continue
		}
		role := &rbacv1.Role{TypeMeta: kind("rbac.authorization.k8s.io/v1", "Role"), ObjectMeta: r.meta(a.Name, componentLane)}
		for _, rule := range a.Rules {
			role.Rules = append(role.Rules, rbacv1.PolicyRule{
				APIGroups: rule.APIGroups, Resources: rule.Resources, ResourceNames: rule.ResourceNames, Verbs: rule.Verbs,
			})
		}
		f.objects = append(f.objects, role, &rbacv1.RoleBinding{
			TypeMeta: kind("rbac.authorization.k8s.io/v1", "RoleBinding"), ObjectMeta: r.meta(a.Name, componentLane),
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: a.Name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: a.Name, Namespace: r.n.RuntimeNamespace}},
		})
	}
	return f, nil
}

func (r *renderer) config() (file, error) {
	f := file{path: "config.yaml"}
	for _, m := range r.in.ConfigMaps {
		if _, taken := m.Data[jobKey]; taken {
			return f, fail.Refuse("D1", intent.Path, "name the key otherwise", "the ConfigMap %s has the key %s, which is that of job templates", m.Name, jobKey)
		}
		f.objects = append(f.objects, &corev1.ConfigMap{TypeMeta: kind("v1", "ConfigMap"), ObjectMeta: r.meta(m.Name, componentLane), Data: m.Data})
	}
	return f, nil
}

func (r *renderer) storage() (file, error) {
	f := file{path: "storage.yaml"}
	for _, p := range r.in.PersistentVolumeClaims {
		size, err := quantity("the size of the claim "+p.Name, p.Size)
		if err != nil {
			return file{}, err
		}
		claim := &corev1.PersistentVolumeClaim{
			TypeMeta: kind("v1", "PersistentVolumeClaim"), ObjectMeta: r.meta(p.Name, componentLane),
			Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: []corev1.PersistentVolumeAccessMode{corev1.PersistentVolumeAccessMode(p.AccessMode)},
				Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: size}},
			},
		}
		claim.Annotations = confirmed()
		if p.StorageClass != "" {
			claim.Spec.StorageClassName = &p.StorageClass
		}
		f.objects = append(f.objects, claim)
	}
	return f, nil
}

func quantity(what, s string) (resource.Quantity, error) {
	q, err := resource.ParseQuantity(s)
	if err != nil || q.Sign() <= 0 || strings.TrimSpace(s) != s {
		return q, fail.Refuse("D1", intent.Path, "write a Kubernetes quantity such as 500m or 256Mi", "%s is %q, which is no quantity above zero", what, s)
	}
	return q, nil
}
