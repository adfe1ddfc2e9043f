package secrets

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/pipeline"
)

// Wanted is a Secret that the lane needs.
type Wanted struct {
	Namespace, Name string
	Keys            []string // in order
	Verb            string   // of lane secrets create and rotate, "" when none makes it

	in *intent.Intent
	n  names.Names
}

// The verbs of lane secrets create and rotate.
const (
	VerbPostgres = "postgres"
	VerbCodex    = "codex"
	VerbGit      = "git"
	VerbSigning  = "signing"
)

// All are the Secrets that the intent declares and those that the lane's runs mount.
func All(in *intent.Intent, n names.Names) []Wanted {
	var all []Wanted
	for _, ref := range in.SecretRefs {
		w := Wanted{n.RuntimeNamespace, ref.Name, slices.Sorted(slices.Values(ref.Keys)), "", in, n}
		switch {
		case slices.Contains(ref.Keys, KeyDatabaseURL):
			w.Verb = VerbPostgres
		case slices.Contains(ref.Keys, KeyCodexAuth) && slices.Contains(ref.Keys, KeyCodexConfig):
			w.Verb = VerbCodex
		}
		all = append(all, w)
	}
	for _, name := range pipeline.Secrets(in, n) {
		w := Wanted{n.TektonNamespace, name, []string{KeySSHKey}, VerbSigning, in, n}
		if name == n.GitSecret() {
			w.Verb, w.Keys = VerbGit, []string{KeyGitCredentials}
			if _, over := sshHost(in.Source.Repository); over {
				w.Keys = []string{KeyKnownHosts, KeySSHKey}
			}
		}
		all = append(all, w)
	}
	return all
}

// State is what a look came to.
type State string

// The states of a finding.
const (
	Matched      State = "matched"
	Contradicted State = "contradicted"
	Unknown      State = "unknown"
	Skipped      State = "skipped" // nobody asked
)

// Finding is one thing that was looked at. It holds names, never a value.
type Finding struct {
	What  string `json:"what"` // keys, labels, written by, or a key
	State State  `json:"state"`
	Rule  string `json:"rule"` // that it is about
	Why   string `json:"why,omitzero"`
	Hint  string `json:"hint,omitzero"`
}

// Make is the hint that makes the Secret, or changes it.
func (w Wanted) Make(verb string) string {
	if w.Verb == "" {
		return "make it with the keys that the intent declares, labelled as the lane's"
	}
	return "lane secrets " + verb + " " + w.Verb
}

// Look judges the Secret as the cluster has it; database is what its URL should name.
func (w Wanted) Look(obj *unstructured.Unstructured, database string) []Finding {
	l := looker{w: w, database: database, data: map[string][]byte{}}
	l.keys(obj)
	l.labels(obj)
	l.managers(obj)
	l.values()
	return l.found
}

// DatabaseURL is the URL in a Secret, when it holds a good one. It is a value: it goes
// to the database and nowhere else.
func (w Wanted) DatabaseURL(obj *unstructured.Unstructured, database string) (string, bool) {
	text, _, _ := unstructured.NestedString(obj.Object, "data", KeyDatabaseURL)
	dsn, err := base64.StdEncoding.DecodeString(text)
	if err != nil || checkURL(string(dsn), database) != nil {
		return "", false
	}
	return string(dsn), true
}

// looker collects what is found in one Secret.
type looker struct {
	w        Wanted
	database string
	data     map[string][]byte
	found    []Finding
}

func (l *looker) add(what string, state State, rule, hint, format string, args ...any) {
	l.found = append(l.found, Finding{what, state, rule, fail.Clean(fmt.Sprintf(format, args...), 300), hint})
}

// keys compares the Secret's keys with the declared ones (rule G5).
func (l *looker) keys(obj *unstructured.Unstructured) {
	data, _, _ := unstructured.NestedMap(obj.Object, "data")
	var missing, more []string
	for _, key := range l.w.Keys {
		text, _ := data[key].(string)
		value, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(value) == 0 {
			missing = append(missing, key)
			continue
		}
		l.data[key] = value
	}
	for key := range data {
		if !slices.Contains(l.w.Keys, key) {
			more = append(more, key)
		}
	}
	slices.Sort(more)
	switch {
	case obj.GetDeletionTimestamp() != nil:
		l.add("keys", Contradicted, "G5", "wait until it is gone, then "+l.w.Make("create"), "it is being deleted")
	case missing != nil:
		l.add("keys", Contradicted, "G5", l.w.Make("rotate"), "without a value: %s", strings.Join(missing, ", "))
	case more != nil:
		l.add("keys", Contradicted, "G5", "take the keys away, or declare them in "+intent.Path, "not declared: %s", strings.Join(more, ", "))
	default:
		l.add("keys", Matched, "G5", "", "%s", strings.Join(l.w.Keys, ", "))
	}
}

// labels wants the lane's own (rule G4).
func (l *looker) labels(obj *unstructured.Unstructured) {
	for label, want := range map[string]string{pipeline.LabelProject: l.w.n.Project, pipeline.LabelLane: l.w.n.Lane} {
		if got := obj.GetLabels()[label]; got != want {
			l.add("labels", Contradicted, "G4", l.w.Make("rotate"), "it is not labelled as this lane's")
			return
		}
	}
	l.add("labels", Matched, "G4", "", "%s %s", l.w.n.Project, l.w.n.Lane)
}

// lane's own field manager; internal/kube writes as it.
const manager = "lane"

// managers wants every key to be lane's (rule H2).
func (l *looker) managers(obj *unstructured.Unstructured) {
	const what = "written by"
	entries := obj.GetManagedFields()
	if len(entries) == 0 {
		l.add(what, Unknown, "H2", "", "the API does not say who wrote it")
		return
	}
	owners := map[string][]string{}
	for _, e := range entries {
		if e.FieldsV1 == nil {
			continue
		}
		for _, key := range ownedKeys(e.FieldsV1.Raw) {
			owners[key] = append(owners[key], e.Manager)
		}
	}
	var others []string
	for _, key := range l.w.Keys {
		for _, m := range owners[key] {
			if m != manager && !slices.Contains(others, m) {
				others = append(others, m)
			}
		}
		if len(owners[key]) == 0 && l.data[key] != nil {
			others = append(others, "nobody")
		}
	}
	slices.Sort(others)
	hint := "find out who that is"
	if l.w.Verb != "" {
		hint += "; to take the keys over: " + l.w.Make("rotate") + " --force"
	}
	if len(others) > 0 {
		l.add(what, Contradicted, "H2", hint, "keys are written by %s", strings.Join(slices.Compact(others), ", "))
		return
	}
	l.add(what, Matched, "H2", "", "%s", manager)
}

// values looks at what each verb's Secret holds.
func (l *looker) values() {
	judge := func(what, rule string, err error, fine string) {
		if err == nil {
			l.add(what, Matched, rule, "", "%s", fine)
			return
		}
		hint := fail.HintOf(err)
		if r := fail.RuleOf(err); r != "" {
			rule = r
		}
		l.add(what, Contradicted, rule, l.w.Make("rotate")+": "+hint, "%s", cause(err))
	}
	in := l.w.in
	for _, key := range l.w.Keys {
		value, ok := l.data[key]
		switch {
		case !ok:
		case l.w.Verb == VerbPostgres && key == KeyDatabaseURL:
			judge(key, "G6", checkURL(string(value), l.database), "encoded, and of the database "+l.database)
		case l.w.Verb == VerbCodex && key == KeyCodexAuth:
			judge(key, "G7", checkAuth(value), "a credential that Codex can use")
		case l.w.Verb == VerbCodex && key == KeyCodexConfig:
			judge(key, "G7", checkConfig(value), "TOML")
		case l.w.Verb == VerbGit && key == KeyGitCredentials:
			judge(key, "G4", checkCredentials(in.Source.Repository, value), "a user and a password for the intent's repository")
		case l.w.Verb == VerbGit && key == KeyKnownHosts:
			host, _ := sshHost(in.Source.Repository)
			judge(key, "G4", knows(value, host), "they know the intent's repository")
		case l.w.Verb == VerbGit && key == KeySSHKey:
			_, err := privateKey(value)
			judge(key, "G4", err, "a key without a passphrase")
		case l.w.Verb == VerbSigning:
			judge(key, "I10", signs(value, in.CI.Signers), "the key of one of ci.signers")
		}
	}
}

// cause is why, without the place: the finding says where.
func cause(err error) string {
	if e, ok := err.(*fail.Error); ok {
		where := ""
		if _, at, ok := strings.Cut(e.Where, ":"); ok {
			where = "line " + at + ": "
		}
		return where + e.Err.Error()
	}
	return err.Error()
}

// signs reports whether the key's public half is one of the signers.
func signs(key []byte, signers []string) error {
	const hint = "put the public line of the key into ci.signers, or use the key of one that is there"
	private, err := ssh.ParsePrivateKey(key)
	if err != nil {
		return fail.Fail("", hint, "it cannot be read as a private key without a passphrase")
	}
	for _, line := range signers {
		public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err == nil && bytes.Equal(public.Marshal(), private.PublicKey().Marshal()) {
			return nil
		}
	}
	return fail.Refuse("I10", "", hint, "the key %s is not one of ci.signers", ssh.FingerprintSHA256(private.PublicKey()))
}
