package runner

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// configSecrets are the credentials in a config.toml: every string under a name that says
// so, such as the environment and the headers of an MCP server; what follows an argument
// with such a name; and the passwords in URLs. Of what is no TOML it is every string:
// Codex quotes such a file when it says what is wrong with it.
func configSecrets(data []byte) []string {
	var config map[string]any
	if toml.Unmarshal(data, &config) != nil {
		return quotedIn(string(data))
	}
	return credentialsIn(config, false)
}

// credentialsIn gives the credentials of a value; named says that it stands under a name
// of one.
func credentialsIn(v any, named bool) []string {
	var found []string
	switch v := v.(type) {
	case string:
		if u, err := url.Parse(v); err == nil && u.User != nil {
			password, _ := u.User.Password()
			found = append(found, password)
		}
		if !named || isPath(v) {
			break
		}
		found = append(found, v)
		switch scheme, credential, _ := strings.Cut(v, " "); strings.ToLower(scheme) { // of an Authorization header
		case "bearer", "basic", "token":
			found = append(found, credential)
		}
	case map[string]any:
		for name, member := range v {
			switch chosen, _ := member.(map[string]any); {
			case named:
				found = append(found, credentialsIn(member, true)...)
			case namesVariable(name):
			case chosen != nil && namesChosen(name):
				for _, one := range chosen {
					found = append(found, credentialsIn(one, false)...)
				}
			default:
				found = append(found, credentialsIn(member, namesCredential(name))...)
			}
		}
	case []any:
		flag := false // the one before is an option with the name of a credential
		for _, member := range v {
			text, _ := member.(string)
			name, value, set := strings.Cut(text, "=")
			option := strings.HasPrefix(text, "-") && namesCredential(name)
			if option && set {
				found = append(found, value)
			}
			found = append(found, credentialsIn(member, named || flag && !option)...)
			flag = option && !set
		}
	}
	return found
}

// namesCredential reports whether what has this name is a credential, or holds some.
func namesCredential(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "env", "set", "headers", "http_headers": // of MCP servers, the agent's shell, exporters and providers
		return true
	}
	return slices.ContainsFunc([]string{"token", "key", "secret", "password", "passwd", "authorization", "cookie"}, func(word string) bool {
		return strings.Contains(name, word)
	})
}

// namesChosen reports whether the members of the table with this name have names of
// people's choice, which say nothing: [mcp_servers.keynote].
func namesChosen(name string) bool {
	return slices.Contains([]string{"mcp_servers", "model_providers", "profiles", "projects"}, name)
}

// namesVariable reports whether what has this name are names of variables of the
// environment, which messages need.
func namesVariable(name string) bool {
	return strings.HasPrefix(name, "env_") || strings.HasSuffix(name, "_env_var")
}

// isPath reports whether a value is the path of something that is there, as in an
// environment: without it no event could name a file.
func isPath(v string) bool {
	if !filepath.IsAbs(v) {
		return false
	}
	_, err := os.Lstat(v)
	return err == nil
}

// quotedIn gives what stands in quotes within the lines of a text.
func quotedIn(text string) []string {
	var found []string
	for line := range strings.Lines(text) {
		for _, quote := range []string{`"`, `'`} {
			for i, part := range strings.Split(strings.TrimRight(line, "\r\n"), quote) {
				if i%2 == 1 {
					found = append(found, part)
				}
			}
		}
	}
	return found
}
