package intent

import (
	"regexp"
	"strings"

	"github.com/pikasTech/agentrun/internal/fields"
	"github.com/pikasTech/agentrun/internal/secretscan"
)

// strings looks at every string of the document that is not the schema's own
// word, for what a release makes, for credentials and for retired names (rules
// D2 and A5).
func (v *validator) strings(texts []text) {
	type given struct{ value, key string }
	fine := map[given]bool{} // most strings of a document are the same few
	for _, t := range texts {
		g := given{t.value, t.key}
		if fine[g] {
			continue
		}
		rule, why, hint := v.judge(t)
		if why == "" {
			fine[g] = true
			continue
		}
		what := "the value"
		if t.isKey {
			what = "the key"
		}
		v.settle(t.at.pointer(), rule, hint, "%s %s", what, why)
	}
}

// judge says what is wrong with one string, by the worst that it holds.
func (v *validator) judge(t text) (rule, why, hint string) {
	if why := v.credential(t.value, t.key); why != "" {
		v.withheld[t.value] = true
		return "D2", "is or looks like a credential: " + why, secretHint
	}
	for _, m := range releaseMade {
		if m.found(t.value) {
			return "D2", "holds " + m.what, m.hint
		}
	}
	if retired.MatchString(t.value) {
		return "A5", "names a retired environment", "name a version lane; dev and prod are retired"
	}
	return "", "", ""
}

const secretHint = "put it into a Secret of the cluster, declare its name and keys in `secretRefs` and refer to it by secretRef"

// leastSecret is the length below which nothing is looked at as a credential.
const leastSecret = 8

// credential says what kind of credential s is, or "". context is the word that
// it is given to, such as a key of a ConfigMap, or "".
func (v *validator) credential(s, context string) string {
	if len(s) < leastSecret {
		return ""
	}
	scanned := s
	if context != "" {
		scanned = context + ": " + s
	}
	if hits := v.secrets.Scan("", []byte(scanned)); len(hits) > 0 {
		return hits[0].Why
	}
	if strings.Contains(s, "-----BEGIN ") {
		return "a PEM block"
	}
	if secretscan.HasPassword(s) {
		return "a URL with a password"
	}
	return ""
}

// made is something that a release makes and no person writes.
type made struct {
	what, hint string
	found      func(string) bool
}

const releaseHint = "remove it: a release finds it out and the catalog on the GitOps branch records it"

var releaseMade = []made{
	{"a digest", releaseHint, regexp.MustCompile(`(?i)\bsha(256|384|512):[0-9a-f]{32,}`).MatchString},
	{"the id of a PipelineRun or TaskRun", releaseHint, regexp.MustCompile(`-ci-[0-9a-f]{12}(-|\b)`).MatchString},
	{"a commit id or digest", releaseHint, regexp.MustCompile(`(?i)\b([0-9a-f]{40}|[0-9a-f]{64})\b`).MatchString},
	{"an image with a tag", "name no image: a service's image follows from project and id, its digest from the catalog", hasTaggedImage},
	{"a manifest", "declare the intent in this document's own fields; manifests are rendered from it", isManifest},
}

// tagged is an image reference with a tag: a path before the colon, which a
// host:port has not, or a version behind it, which no port is.
var tagged = regexp.MustCompile(`^([a-z0-9][a-z0-9._-]*(:[0-9]+)?(/[a-z0-9][a-z0-9._-]*)+:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}` +
	`|[a-z0-9][a-z0-9._-]*:(latest|v?[0-9]+(\.[0-9]+)+[a-z0-9.-]*|[0-9]+(\.[0-9]+)*-[a-z0-9.-]+))$`)

func hasTaggedImage(s string) bool {
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(" \t\r\n\"'`,;=()[]{}<>|", r) }) {
		word = strings.TrimPrefix(strings.TrimPrefix(word, "docker://"), "oci://")
		if tagged.MatchString(strings.TrimRight(word, ".")) {
			return true
		}
	}
	return false
}

func isManifest(s string) bool {
	var version, kind bool
	for f := range fields.In([]byte(s)) {
		version = version || f.Key == "apiVersion" && f.Value != ""
		kind = kind || f.Key == "kind" && f.Value != ""
	}
	return version && kind
}

// retired is a name that ends, or has a part that ends, as the environments that
// version lanes took the place of.
var retired = regexp.MustCompile(`(?i)[a-z0-9][-_](dev|prod)([^a-z0-9]|$)`)
