package secretscan

import (
	"bytes"
	"encoding/base64"
	"iter"
	"unicode/utf8"

	"github.com/pikasTech/agentrun/internal/fields"
)

// structures applies the detectors that understand a form.
func structures(data []byte) []match {
	out := append(privateKeys(data), tokens(data)...)
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

// encoded yields the texts that stand base64-encoded in data, each with the
// offset of its encoding. What decodes to bytes that are neither text nor DER is
// passed over, for hashes and images do.
func encoded(data []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for start := 0; start < len(data); start++ {
			end := start
			for end < len(data) && base64Byte(data[end]) {
				end++
			}
			if end-start >= 24 {
				if text, ok := decode(data[start:end]); ok && !yield(start, text) {
					return
				}
			}
			start = end
		}
	}
}

func base64Byte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_'
}

// decode accepts both alphabets; padding was cut off.
func decode(run []byte) ([]byte, bool) {
	if len(run)%4 == 1 {
		run = run[:len(run)-1]
	}
	enc := base64.RawStdEncoding
	if bytes.ContainsAny(run, "-_") {
		enc = base64.RawURLEncoding
	}
	out, err := enc.AppendDecode(nil, run)
	if err != nil || !utf8.Valid(out) && !isKeyDER(out) {
		return nil, false
	}
	return out, true
}
