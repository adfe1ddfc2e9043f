package intent

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"k8s.io/apimachinery/pkg/util/validation"
)

func (v *serviceValidator) env() {
	list := member(v.at, "env")
	v.distinct("variable", len(v.s.Env),
		func(i int) string { return v.s.Env[i].Name }, func(i int) jsontext.Pointer { return member(element(list, i), "name") })
	for i, e := range v.s.Env {
		at := element(list, i)
		v.envName(member(at, "name"), e.Name)
		v.oneOf(at, "the variable", source{"value", e.Value != nil}, source{"configMapRef", e.ConfigMapRef != nil}, source{"secretRef", e.SecretRef != nil}, source{"releaseRef", e.ReleaseRef != ""})
		if e.Value != nil {
			v.literal(member(at, "value"), e.Name, *e.Value)
		}
		if r := e.SecretRef; r != nil {
			v.secretKey(member(at, "secretRef"), r.Name, r.Key, member(at, "secretRef", "key"))
		}
		if r := e.ConfigMapRef; r != nil {
			v.configKey(member(at, "configMapRef"), e.Name, *r)
		}
		if e.ReleaseRef != "" && !slices.Contains([]string{ReleaseLane, ReleaseSourceCommit, ReleaseImageDigest}, e.ReleaseRef) {
			v.add(member(at, "releaseRef"), "D1", "write lane, sourceCommit or imageDigest", "%s is no fact of a release", v.quote(e.ReleaseRef))
		}
	}
}

func (v *serviceValidator) envName(at jsontext.Pointer, name string) {
	if len(validation.IsCIdentifier(name)) > 0 || len(name) > 128 {
		v.add(at, "D1", "write letters, digits and underscores, not beginning with a digit", "%s is no variable's name", v.quote(name))
	}
}

// secretKey resolves one key of a Secret (rule G5: what is not declared is not
// injected).
func (v *serviceValidator) secretKey(at jsontext.Pointer, name, key string, keyAt jsontext.Pointer) {
	if v.d.secrets.resolve(v.validator, member(at, "name"), named{name: name}, "`secretRefs`") {
		v.d.secretKeys.resolve(v.validator, keyAt, named{name, key}, "the Secret's `keys`")
	}
}

func (v *serviceValidator) configKey(at jsontext.Pointer, env string, r KeyRef) {
	if meansCredential(env) || meansCredential(r.Key) {
		v.add(at, "D2", secretHint, "%s names a credential, which cannot stand in a ConfigMap", v.quote(env))
	}
	if v.d.configMaps.resolve(v.validator, member(at, "name"), named{name: r.Name}, "`configMaps`") {
		v.d.configKeys.resolve(v.validator, member(at, "key"), named{r.Name, r.Key}, "the ConfigMap's `data`")
	}
}

// home looks at the folder that is filled from a Secret (rule G7).
func (v *serviceValidator) home() {
	h := v.s.Home
	if h == nil {
		return
	}
	at := member(v.at, "home")
	v.envName(member(at, "env"), h.Env)
	v.quantity(member(at, "sizeLimit"), h.SizeLimit)
	if len(h.Command) == 0 || slices.Contains(h.Command, "") {
		v.add(member(at, "command"), "G7", "write the words that make the service's program copy, such as [\"home\"]", "no command fills the home")
	}
	for i, word := range h.Command {
		v.literal(element(member(at, "command"), i), "", word)
	}
	if len(h.SecretRef.Keys) == 0 {
		v.add(member(at, "secretRef", "keys"), "G7", "list the keys that are copied", "no key is copied into the home")
	}
	v.distinctStrings("key", member(at, "secretRef", "keys"), h.SecretRef.Keys)
	for i, key := range h.SecretRef.Keys {
		keyAt := element(member(at, "secretRef", "keys"), i)
		v.secretKey(member(at, "secretRef"), h.SecretRef.Name, key, keyAt)
	}
	for i, e := range v.s.Env {
		if e.Name == h.Env {
			v.add(member(at, "env"), "G7", "remove the variable from env", "the variable %s is set twice, in env and by the home", v.quote(h.Env))
		}
		if e.SecretRef != nil && e.SecretRef.Name == h.SecretRef.Name {
			v.add(element(member(v.at, "env"), i), "G7", "read it from the file in the home", "the Secret %s fills the home and appears nowhere else", v.quote(h.SecretRef.Name))
		}
	}
}
