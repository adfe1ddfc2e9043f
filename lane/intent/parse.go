package intent

import (
	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/lane/names"
)

// limits of a hand-written document: far above what people write, far below
// what would hurt.
var limits = canon.Limits{Bytes: 1 << 20, Depth: 32}

// Parse reads an intent. file is only used in messages. The error is a
// fail.Findings with everything that is wrong, so that it can be mended in one go.
func Parse(file string, data []byte) (*Intent, error) {
	in := new(Intent)
	if err := canon.Unmarshal(file, "D2", data, in, limits); err != nil {
		return nil, err
	}
	v := &validation{file: file, data: data}
	v.intent(in)
	return in, v.findings.Err()
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
