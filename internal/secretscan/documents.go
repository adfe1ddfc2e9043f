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

// kubeconfig finds a credential in a document that is a kubeconfig.
func kubeconfig(doc []fields.Field) []match {
	if !has(doc, "kind", "Config") || !has(doc, "users", "") && !has(doc, "clusters", "") {
		return nil
	}
	var out []match
	for _, f := range doc {
		if slices.Contains(userCredentials, f.Key) && !Placeholder(f.Value) {
			out = append(out, match{rule: "kubeconfig", offset: f.Offset, why: "a kubeconfig with a user's " + f.Key})
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
		if at, ok := secretValue(doc[from:to]); ok {
			out = append(out, match{rule: "kubernetes-secret", offset: at, why: "a Secret manifest with a value"})
		}
	}
	return out
}

// secretValue finds the first value within data or stringData.
func secretValue(object []fields.Field) (int, bool) {
	for i, f := range object[:max(len(object)-1, 0)] {
		value := object[i+1].Value
		switch {
		case f.Value != "" || Placeholder(value):
		case f.Key == "stringData":
			return object[i+1].Offset, true
		case f.Key == "data":
			if _, err := base64.StdEncoding.DecodeString(value[:len(value)-len(value)%4]); err == nil {
				return object[i+1].Offset, true
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
