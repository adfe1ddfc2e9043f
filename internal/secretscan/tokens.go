package secretscan

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"regexp"

	"github.com/pikasTech/agentrun/internal/fields"
)

// tokens finds JSON Web Tokens: a header that is a JSON object with "alg", and a
// payload that is a JSON object.
func tokens(data []byte) []match {
	var out []match
	for at := 0; ; {
		next := bytes.Index(data[at:], []byte("eyJ")) // {" in base64
		if next < 0 {
			return out
		}
		at += next
		end := at
		for end < len(data) && (fields.IsBase64(data[end]) || data[end] == '.') {
			end++
		}
		parts := bytes.Split(data[at:end], []byte("."))
		if len(parts) >= 3 && isHeader(parts[0]) && object(parts[1]) != nil {
			out = append(out, match{rule: "jwt", offset: at, why: "a JSON Web Token"})
		}
		at = end
	}
}

// apiKey is the form of the keys of model providers, of which gitleaks knows only
// those of some years.
var apiKey = regexp.MustCompile(`\bsk-(?:[a-z]+[0-9]*-){0,2}[A-Za-z0-9_]{20,}`)

// apiKeys finds keys of model providers.
func apiKeys(data []byte) []match {
	var out []match
	for _, at := range apiKey.FindAllIndex(data, maxHits) {
		out = append(out, match{rule: "model-provider-key", offset: at[0], end: at[1], why: "a key of a model provider"})
	}
	return out
}

func isHeader(part []byte) bool {
	_, ok := object(part)["alg"]
	return ok
}

// object is the JSON object that part encodes, or nil.
func object(part []byte) map[string]any {
	data, err := base64.RawURLEncoding.AppendDecode(nil, part)
	if err != nil {
		return nil
	}
	var o map[string]any
	if json.Unmarshal(data, &o) != nil {
		return nil
	}
	return o
}
