package intent

import (
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// declarations are what services refer to.
type declarations struct {
	secretKeys      *reference
	secrets         *reference
	serviceAccounts *reference
	configMaps      *reference
	configKeys      *reference
	claims          *reference
	accessModes     map[string]string // of claims
}

// unused reports what nothing refers to. A claim may be declared without being
// used: taking the declaration away deletes what is stored in it.
func (d *declarations) unused(v *validator) {
	for _, r := range []*reference{d.secretKeys, d.serviceAccounts, d.configMaps} {
		r.unused(v)
	}
}

func (v *validator) declarations(in *Intent) *declarations {
	d := &declarations{
		secretKeys: references("G5", "Secret"), secrets: references("G5", "Secret"), serviceAccounts: references("D1", "ServiceAccount"),
		configMaps: references("D1", "ConfigMap"), configKeys: references("D1", "ConfigMap"), claims: references("D1", "claim"),
		accessModes: map[string]string{},
	}
	v.secretRefs(in.SecretRefs, d)
	v.serviceAccounts(in.ServiceAccounts, d)
	v.configMaps(in, d)
	v.claims(in.PersistentVolumeClaims, d)
	return d
}

// object looks at a declared object's name and enters it.
func (v *validator) object(at jsontext.Pointer, r *reference, name string) {
	at = member(at, "name")
	if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
		v.add(at, "D1", "write lower-case letters, digits and hyphens, at most 63", "%s is not the name of a %s", v.quote(name), r.what)
	}
	if first, ok := r.declared[named{name: name}]; ok {
		v.add(at, "D1", "keep one of the two", "the %s %s is declared twice, first at %s", r.what, v.quote(name), first)
		return
	}
	r.declared[named{name: name}] = at
}

func (v *validator) secretRefs(refs []SecretRef, d *declarations) {
	for i, s := range refs {
		at := element("/secretRefs", i)
		v.object(at, d.secrets, s.Name)
		if len(s.Keys) == 0 {
			v.add(member(at, "keys"), "D1", "list the keys that services read", "no key is declared")
		}
		v.distinctStrings("key", member(at, "keys"), s.Keys)
		for j, key := range s.Keys {
			at := element(member(at, "keys"), j)
			v.dataKey(at, key)
			d.secretKeys.declared[named{s.Name, key}] = at
		}
		v.line(member(at, "purpose"), s.Purpose)
	}
}

// dataKey looks at a key of a Secret or ConfigMap.
func (v *validator) dataKey(at jsontext.Pointer, key string) {
	if len(validation.IsConfigMapKey(key)) > 0 {
		v.add(at, "D1", "write letters, digits, dots, hyphens and underscores", "%s cannot be a key", v.quote(key))
	}
}

// maxLine bounds what is written for people.
const maxLine = 300

func (v *validator) line(at jsontext.Pointer, s string) {
	if len(s) > maxLine || slices.ContainsFunc([]rune(s), func(r rune) bool { return r < ' ' }) {
		v.add(at, "D1", "write one line of at most 300 bytes; the rest belongs in docs/", "the text is more than a line")
	}
}

func (v *validator) configMaps(in *Intent, d *declarations) {
	for i, c := range in.ConfigMaps {
		at := element("/configMaps", i)
		v.object(at, d.configMaps, c.Name)
		for _, s := range in.Services {
			if s.Kind == JobTemplate && c.Name == s.ID+"-job" {
				v.add(member(at, "name"), "D1", "give it another name", "the ConfigMap %s is where the job template %s is rendered", v.quote(c.Name), v.quote(s.ID))
			}
		}
		for _, key := range slices.Sorted(maps.Keys(c.Data)) {
			at := member(at, "data", key)
			v.dataKey(at, key)
			v.literal(at, key, c.Data[key])
			d.configKeys.declared[named{c.Name, key}] = at
		}
	}
}

var accessModes = []string{"ReadWriteOnce", "ReadWriteOncePod", "ReadOnlyMany", "ReadWriteMany"}

func (v *validator) claims(claims []PersistentVolumeClaim, d *declarations) {
	for i, c := range claims {
		at := element("/persistentVolumeClaims", i)
		v.object(at, d.claims, c.Name)
		v.quantity(member(at, "size"), c.Size)
		if !slices.Contains(accessModes, c.AccessMode) {
			v.add(member(at, "accessMode"), "D1", "write ReadWriteOnce, ReadWriteOncePod, ReadOnlyMany or ReadWriteMany", "%s is no access mode", v.quote(c.AccessMode))
		}
		if c.StorageClass != "" && len(validation.IsDNS1123Subdomain(c.StorageClass)) > 0 {
			v.add(member(at, "storageClass"), "D1", "write the name of a StorageClass", "%s is not the name of one", v.quote(c.StorageClass))
		}
		d.accessModes[c.Name] = c.AccessMode
	}
}

// quantity looks at a quantity above zero and returns it.
func (v *validator) quantity(at jsontext.Pointer, s string) (resource.Quantity, bool) {
	q, err := resource.ParseQuantity(s)
	if err != nil || q.Sign() <= 0 || len(s) > 32 {
		v.add(at, "D1", "write a quantity above zero, such as 250m, 1, 64Mi or 10Gi", "%s is no quantity", v.quote(s))
		return q, false
	}
	return q, true
}
