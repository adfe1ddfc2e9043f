package secretscan

import (
	"github.com/pikasTech/agentrun/internal/fields"
)

// structures applies the detectors that understand a form.
func structures(data []byte) []match {
	out := append(privateKeys(data), tokens(data)...)
	out = append(out, apiKeys(data)...)
	out = append(out, passwordURLs(data)...)
	return append(out, documents(data)...)
}

// documents finds kubeconfigs, Secret manifests and registry logins.
func documents(data []byte) []match {
	var out []match
	var part []fields.Field
	flush := func() {
		out = append(out, kubeconfig(part)...)
		out = append(out, secretManifest(part)...)
		out = append(out, registryLogin(part)...)
		part = part[:0]
	}
	for f := range fields.In(data) {
		if len(part) > 0 && part[0].Part != f.Part {
			flush()
		}
		part = append(part, f)
	}
	flush()
	return out
}
