// Package secrets makes the Secrets of a lane from the values that a person gives
// (rules G5, G6): Postgres' URL, what Codex signs in with, what git signs in with.
// What pushes are signed with nobody gives: it is made at random.
//
// Input is an intent, the lane's names and values; output is a Secret, with the name
// and the keys that the intent declares or lane/names derives. Values are checked
// for what would only fail later, in a pod: a URL that does not read back as its
// parts, a credential that is none, a key with a passphrase, a host that
// known_hosts does not know.
//
// Look judges a Secret that is there: its keys, its labels, who wrote it, and whether
// its values can be what they are for. A Finding holds names, never a value.
//
// No value is ever part of an error, and Secret has no way to print one. The package
// is pure: it reads no file and asks neither a cluster nor a database.
package secrets

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/pipeline"
)

// Secret is a Secret whose values only Object and Value give away.
type Secret struct {
	Namespace, Name string
	project, lane   string
	data            map[string][]byte
	parts           []string // of data that are secret by themselves
}

func newSecret(n names.Names, namespace, name string, data map[string][]byte, parts ...string) *Secret {
	return &Secret{Namespace: namespace, Name: name, project: n.Project, lane: n.Lane, data: data, parts: parts}
}

// Keys are the Secret's keys, in order.
func (s *Secret) Keys() []string { return slices.Sorted(maps.Keys(s.data)) }

// String names the Secret, never its values.
func (s *Secret) String() string {
	return fmt.Sprintf("Secret %s/%s: %s", s.Namespace, s.Name, strings.Join(s.Keys(), ", "))
}

// GoString keeps values out of %#v.
func (s *Secret) GoString() string { return s.String() }

// Object is the Secret as the API server takes it, values included.
func (s *Secret) Object() *unstructured.Unstructured {
	data := map[string]any{}
	for k, v := range s.data {
		data[k] = base64.StdEncoding.EncodeToString(v)
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
		"metadata": map[string]any{
			"name": s.Name, "namespace": s.Namespace,
			"labels": map[string]any{pipeline.LabelProject: s.project, pipeline.LabelLane: s.lane},
		},
		"data": data,
	}}
}

// Value is one key's value. It goes where it is used and nowhere else.
func (s *Secret) Value(key string) string { return string(s.data[key]) }

// fragment is how much of a value gives it away.
const fragment = 12

// Reveals reports whether text holds a value or a part of one, as it is or in
// base64: a server may quote what it was sent, and a message may be cut.
func (s *Secret) Reveals(text string) bool {
	for _, v := range s.parts {
		if len(v) > 3 && strings.Contains(text, v) {
			return true
		}
	}
	for _, v := range s.data {
		for _, form := range []string{string(v), base64.StdEncoding.EncodeToString(v)} {
			if len(form) < fragment && strings.Contains(text, form) {
				return true
			}
			for i := 0; i+fragment <= len(text); i++ {
				if strings.Contains(form, text[i:i+fragment]) {
					return true
				}
			}
		}
	}
	return false
}

// maxValues bounds a Secret: Kubernetes takes no more.
const maxValues = 1 << 20

// declared is the one SecretRef of the intent that has all the keys (rule G5).
func declared(in *intent.Intent, keys ...string) (string, error) {
	var found []string
	for _, ref := range in.SecretRefs {
		if !slices.ContainsFunc(keys, func(k string) bool { return !slices.Contains(ref.Keys, k) }) {
			found = append(found, ref.Name)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fail.Refuse("G5", intent.Path, "declare it in secretRefs and in docs/reference/secret-distribution.md, and commit that",
			"the intent declares no Secret with %s", strings.Join(keys, " and "))
	}
	return "", fail.Refuse("G5", intent.Path, "declare each key in one Secret alone",
		"the intent declares %s in %s", strings.Join(keys, " and "), strings.Join(found, " and "))
}
