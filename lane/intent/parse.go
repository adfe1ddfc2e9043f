package intent

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/secretscan"
	"github.com/pikasTech/agentrun/lane/names"
)

// limits of a hand-written document: far above what people write, far below
// what would hurt.
var limits = canon.Limits{Bytes: 1 << 20, Depth: 32}

// Parse reads an intent. file is only used in messages. The error is a
// fail.Findings with everything that is wrong, so that it can be mended in one
// go; only a document that is no JSON, or has a value of the wrong type, is
// reported by its first fault. No finding repeats what may be a credential.
func Parse(file string, data []byte) (*Intent, error) {
	v := &validator{
		file: file, data: data, secrets: secretscan.Default(),
		withheld: map[string]bool{}, settled: map[jsontext.Pointer]bool{},
	}
	var raw jsontext.Value
	if err := canon.Unmarshal(file, "D2", data, &raw, limits); err != nil {
		return nil, v.withoutSecrets(err)
	}
	in := new(Intent)
	var decoding errgroup.Group // beside the rest: with a thousand services it takes a while
	decoding.Go(func() error { return json.Unmarshal(data, in) })
	doc := readShape(data)
	v.strings(doc.texts)
	v.shape(doc.faults)
	if decoding.Wait() != nil {
		if len(v.found) == 0 {
			return nil, v.withoutSecrets(canon.Unmarshal(file, "D2", data, in, limits)) // which says it as a finding
		}
		return nil, v.located()
	}
	v.intent(in)
	if err := v.located(); err != nil {
		return nil, err
	}
	return in, nil
}

// withoutSecrets makes sure that a finding about the document's form does not
// repeat a key that is a credential.
func (v *validator) withoutSecrets(err error) error {
	fs, ok := err.(fail.Findings)
	if !ok {
		return err
	}
	for i, f := range fs {
		if len(v.secrets.Scan("", []byte(f.Why+"\n"+f.Pointer))) > 0 {
			fs[i].Pointer, fs[i].Why = "", "the document is malformed here, at what looks like a credential"
		}
	}
	return fs
}

// Names are the names of the intent's lane.
func (in *Intent) Names() (names.Names, error) { return in.NamesOf(in.Lane) }

// NamesOf are the names of another lane of the same project and cluster.
func (in *Intent) NamesOf(lane string) (names.Names, error) {
	c := in.Cluster
	return names.For(in.Project, lane, names.Cluster{Name: c.Name, Host: c.Host, WorktreeRoot: c.WorktreeRoot}, in.CI.Namespace)
}

// Digest is the hash of what the intent says, whatever its formatting.
func (in *Intent) Digest() (string, error) {
	data, err := canon.Marshal(in)
	if err != nil {
		return "", err
	}
	return canon.Digest(data), nil
}
