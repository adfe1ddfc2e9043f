package intent

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"k8s.io/apimachinery/pkg/util/validation"
)

// verbs are what a rule may allow; bind, escalate and impersonate are how an
// account gets more than it was given.
var verbs = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}

// neverGranted are resources that no service of a lane needs, and why.
var neverGranted = map[string]string{
	"secrets":                  "Secrets reach services only by secretRef (rule G5)",
	"serviceaccounts/token":    "it makes tokens of other accounts",
	"pods/exec":                "it is a way into running pods by hand",
	"pods/attach":              "it is a way into running pods by hand",
	"pods/portforward":         "it is a way into the lane from outside",
	"pods/proxy":               "it is a way into the lane from outside",
	"pods/ephemeralcontainers": "it changes running pods by hand",
	"services/proxy":           "it is a way into the lane from outside",
	"nodes":                    "it is not in the lane's namespace",
	"namespaces":               "it is not in the lane's namespace",
	"persistentvolumes":        "it is not in the lane's namespace",
}

// clusterGroups are API groups whose objects are not in a namespace or give
// rights; what a lane has of them comes from the intent alone.
var clusterGroups = []string{
	"rbac.authorization.k8s.io", "authentication.k8s.io", "authorization.k8s.io", "admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io",
	"certificates.k8s.io", "storage.k8s.io", "scheduling.k8s.io", "node.k8s.io", "flowcontrol.apiserver.k8s.io",
}

const accessHint = "grant the verbs and resources that the service really uses, by name"

func (v *validator) serviceAccounts(accounts []ServiceAccount, d *declarations) {
	for i, a := range accounts {
		at := element("/serviceAccounts", i)
		v.object(at, d.serviceAccounts, a.Name)
		if a.Name == "default" {
			v.add(member(at, "name"), "D1", "give the service an account of its own, or none", "the account %q is Kubernetes' own", a.Name)
		}
		for j, rule := range a.Rules {
			v.policyRule(element(member(at, "rules"), j), rule)
		}
	}
}

func (v *validator) policyRule(at jsontext.Pointer, r PolicyRule) {
	for _, list := range []struct {
		name   string
		values []string
		needed bool
		fault  func(string) string
	}{
		{"apiGroups", r.APIGroups, true, groupFault},
		{"resources", r.Resources, true, resourceFault},
		{"verbs", r.Verbs, true, verbFault},
		{"resourceNames", r.ResourceNames, false, nameFault},
	} {
		at := member(at, list.name)
		if list.needed && len(list.values) == 0 {
			v.add(at, "D1", accessHint, "the rule names none of its %s", list.name)
		}
		v.distinctStrings("entry", at, list.values)
		for i, value := range list.values {
			at := element(at, i)
			switch fault := list.fault(value); {
			case strings.Contains(value, "*"):
				v.add(at, "D1", accessHint, "a wildcard grants what nobody has decided")
			case fault != "":
				v.add(at, "D1", accessHint, "%s cannot be granted: %s", v.quote(value), fault)
			}
		}
	}
	if len(r.ResourceNames) > 0 {
		for i, verb := range r.Verbs {
			if verb == "create" || verb == "deletecollection" {
				v.add(element(member(at, "verbs"), i), "D1", "put it into a rule of its own, without resourceNames", "%q is not limited by resourceNames", verb)
			}
		}
	}
}

func groupFault(group string) string {
	switch {
	case group != "" && len(validation.IsDNS1123Subdomain(group)) > 0:
		return "it is no API group"
	case slices.Contains(clusterGroups, group):
		return "its objects are not in the lane's namespace, or give rights"
	}
	return ""
}

func resourceFault(resource string) string {
	if why, ok := neverGranted[resource]; ok {
		return why
	}
	kind, sub, _ := strings.Cut(resource, "/")
	if why, ok := neverGranted[kind]; ok {
		return why
	}
	if len(validation.IsDNS1123Label(kind)) > 0 || sub != "" && len(validation.IsDNS1123Label(sub)) > 0 || strings.HasSuffix(resource, "/") {
		return "it is no resource"
	}
	return ""
}

func verbFault(verb string) string {
	switch {
	case verb == "bind" || verb == "escalate" || verb == "impersonate":
		return "with it an account gives itself more"
	case !slices.Contains(verbs, verb):
		return "it is no verb"
	}
	return ""
}

func nameFault(name string) string {
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return "it is no object's name"
	}
	return ""
}
