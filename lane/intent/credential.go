package intent

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/pikasTech/agentrun/internal/fields"
	"github.com/pikasTech/agentrun/internal/secretscan"
)

// credentialWords are what a name holds whose value is a credential, as words
// between underscores; joined ones are looked for as they are.
var credentialWords = []string{
	"PASSWORD", "PASSWD", "PASSPHRASE", "TOKEN", "SECRET", "CREDENTIAL", "CREDENTIALS", "APIKEY", "DSN", "KUBECONFIG", "JWT", "COOKIE", "BEARER", "PGPASSWORD",
	"API_KEY", "PRIVATE_KEY", "ACCESS_KEY", "SECRET_KEY", "SIGNING_KEY", "ENCRYPTION_KEY", "SSH_KEY", "MYSQL_PWD", "AUTH_HEADER", "CONNECTION_STRING",
	"DATABASE_URL", "DB_URL", "POSTGRES_URL", "POSTGRESQL_URL", "PG_URL", "MYSQL_URL", "REDIS_URL", "MONGO_URL", "MONGODB_URL", "AMQP_URL",
}

// aboutWords end a name that only speaks of a credential.
var aboutWords = []string{"FILE", "PATH", "DIR", "NAME", "REF", "ENV", "TOKEN_URL", "TTL", "AUDIENCE", "ISSUER", "ENDPOINT", "EXPIRY", "TIMEOUT", "SECONDS", "LENGTH", "LIMIT", "TYPE", "ENABLED", "REQUIRED"}

// meansCredential reports whether the value of what is called name is a
// credential, whatever it looks like: DATABASE_URL, githubToken, --api-key.
func meansCredential(name string) bool {
	words := "_" + snake(name) + "_"
	if slices.ContainsFunc(aboutWords, func(w string) bool { return strings.HasSuffix(words, "_"+w+"_") }) {
		return false
	}
	return slices.ContainsFunc(credentialWords, func(w string) bool { return strings.Contains(words, "_"+w+"_") })
}

// snake writes any notation of a name as words in capitals between underscores.
func snake(name string) string {
	var b strings.Builder
	lower := false
	for _, r := range name {
		isLower := r >= 'a' && r <= 'z'
		isUpper := r >= 'A' && r <= 'Z'
		switch {
		case isUpper && lower:
			b.WriteByte('_')
			b.WriteRune(r)
		case isLower:
			b.WriteRune(r - 'a' + 'A')
		case isUpper, r >= '0' && r <= '9':
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
		lower = isLower
	}
	return strings.Trim(b.String(), "_")
}

// literal refuses a value written for a name that means a credential, and such
// assignments within the value: --password=x, a DSN, a configuration file.
func (v *validator) literal(at jsontext.Pointer, name, value string) {
	if v.settled[at] {
		return
	}
	if why := v.credential(value, name); why != "" {
		v.withheld[value] = true
		v.add(at, "D2", secretHint, "the value is or looks like a credential: %s", why)
		return
	}
	given := name
	if !holdsCredential(name, value) {
		given = ""
		for f := range fields.In([]byte(value)) {
			if holdsCredential(f.Key, f.Value) {
				given = f.Key
				break
			}
		}
	}
	if given == "" {
		return
	}
	v.withheld[value] = true
	v.add(at, "D2", secretHint, "%s names a credential, whose value cannot stand here", v.quote(given))
}

func holdsCredential(name, value string) bool {
	return meansCredential(name) && !secretscan.Placeholder(value) && strings.Trim(value, "0123456789") != ""
}
