package runner

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"
)

// knownSecrets are the credentials that this attempt has to do with: every string of
// auth.json that is long enough, and the token. What cannot be read holds none that
// could leak from here.
func knownSecrets(codexHome, tokenFile string) []string {
	var secrets []string
	if data, err := readBounded(filepath.Join(codexHome, authFile), homeFileBytes); err == nil {
		var v any
		if json.Unmarshal(data, &v) == nil {
			secrets = stringsOf(v, "")
		}
	}
	if token, err := readBounded(tokenFile, homeFileBytes); err == nil {
		secrets = append(secrets, strings.TrimSpace(string(token)))
	}
	return secrets
}

// knownConfig are the credentials in config.toml. It is read before the agent begins: what
// that writes there is no credential of anybody.
func knownConfig(codexHome string) []string {
	data, err := readBounded(filepath.Join(codexHome, configFile), homeFileBytes)
	if err != nil {
		return nil
	}
	return configSecrets(data)
}

// public are the members of auth.json that are no credentials.
var public = map[string]bool{"auth_mode": true, "last_refresh": true, "account_id": true}

func stringsOf(v any, name string) []string {
	switch v := v.(type) {
	case string:
		if !public[name] {
			return []string{v}
		}
	case map[string]any:
		var all []string
		for name, member := range v {
			all = append(all, stringsOf(member, name)...)
		}
		return all
	case []any:
		var all []string
		for _, member := range v {
			all = append(all, stringsOf(member, name)...)
		}
		return all
	}
	return nil
}

// forgetKey removes the file that an API key stands in. Codex keeps the key in memory;
// the commands of the agent could have read the file.
func forgetKey(codexHome string) error { return os.Remove(filepath.Join(codexHome, authFile)) }
