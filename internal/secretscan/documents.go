package secretscan

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/fields"
)

// The functions of this file look at the pairs of one document.

// userCredentials are the fields of a kubeconfig's users that are credentials.
var userCredentials = []string{"client-key-data", "token", "password", "id-token", "refresh-token", "access-token"}

// around is how many fields lie at most between a kubeconfig's kind and its users.
const around = 200

// kubeconfig finds a user's credential in a kubeconfig.
func kubeconfig(doc []fields.Field) []match {
	var out []match
	for i, users := range doc {
		if users.Key != "users" || !slices.ContainsFunc(doc[max(0, i-around):min(len(doc), i+around)], func(f fields.Field) bool {
			return f.Key == "kind" && f.Value == "Config" && f.Beside(users)
		}) {
			continue
		}
		for _, f := range doc[i+1:] {
			if !f.Within(users) {
				break
			}
			if slices.Contains(userCredentials, f.Key) && !Placeholder(f.Value) {
				out = append(out, match{rule: "kubeconfig", offset: f.Offset, why: "a kubeconfig with a user's " + f.Key})
			}
		}
	}
	return out
}

// secretManifest finds values in Kubernetes Secrets. A document may hold several
// objects one after the other, so what belongs to a Secret reaches no further
// than the next kind on either side.
func secretManifest(doc []fields.Field) []match {
	var out []match
	for i, f := range doc {
		if f.Key != "kind" || f.Value != "Secret" {
			continue
		}
		from, to := i, i+1
		for from > 0 && doc[from-1].Key != "kind" {
			from--
		}
		for to < len(doc) && doc[to].Key != "kind" {
			to++
		}
		if at, ok := secretValue(f, doc[from:to]); ok {
			out = append(out, match{rule: "kubernetes-secret", offset: at, why: "a Secret manifest with a value"})
		}
	}
	return out
}

// leastValue is the length below which a Secret's value protects nothing.
const leastValue = 6

// secretValue finds the first value within data or stringData that is no
// placeholder.
func secretValue(kind fields.Field, object []fields.Field) (int, bool) {
	for i, data := range object {
		if data.Key != "data" && data.Key != "stringData" || !data.Beside(kind) {
			continue
		}
		for _, f := range object[i+1:] {
			if !f.Within(data) {
				break
			}
			value := f.Value
			if data.Key == "data" {
				decoded, _ := base64.StdEncoding.DecodeString(value[:len(value)-len(value)%4])
				value = string(decoded)
			}
			if len(value) >= leastValue && !Placeholder(value) {
				return f.Offset, true
			}
		}
	}
	return 0, false
}

// registryLogin finds logins to image registries, as docker's config.json holds
// them: "auth" is the base64 of user:password.
func registryLogin(doc []fields.Field) []match {
	if !has(doc, "auths", "") {
		return nil
	}
	var out []match
	for _, f := range doc {
		switch f.Key {
		case "auth":
			login, err := base64.StdEncoding.DecodeString(f.Value)
			if _, password, ok := strings.Cut(string(login), ":"); err == nil && ok && !Placeholder(password) {
				out = append(out, match{rule: "registry-login", offset: f.Offset, why: "a login to an image registry"})
			}
		case "identitytoken", "registrytoken":
			if !Placeholder(f.Value) {
				out = append(out, match{rule: "registry-login", offset: f.Offset, why: "a login to an image registry"})
			}
		}
	}
	return out
}

func has(doc []fields.Field, key, value string) bool {
	return slices.ContainsFunc(doc, func(f fields.Field) bool { return f.Key == key && f.Value == value })
}
