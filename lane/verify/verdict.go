package verify

import (
	"fmt"
	"slices"
	"time"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/names"
)

// The document's type.
const (
	APIVersion = names.APIVersion
	Kind       = "Verdict"
)

// Verdict is what the evidence says of a lane. Unlike the documents that a release
// makes it says when, because it is true of that moment alone.
type Verdict struct {
	APIVersion     string  `json:"apiVersion"`
	Kind           string  `json:"kind"`
	Project        string  `json:"project"`
	Lane           string  `json:"lane"`
	At             string  `json:"at"`                       // RFC 3339, UTC
	SourceCommitID string  `json:"sourceCommitId,omitempty"` // the released commit, when it was seen
	GitopsCommitID string  `json:"gitopsCommitId,omitempty"` // the head of the GitOps branch, likewise
	Offline        bool    `json:"offline,omitzero"`         // the cluster was left out on purpose
	Accepted       bool    `json:"accepted"`
	Contradicted   int     `json:"contradicted"` // rules
	Unknown        int     `json:"unknown"`      // rules
	Skipped        []Link  `json:"skipped"`      // links that were left out on purpose
	Links          []Chain `json:"links"`        // in the order of acceptance
}

// Link is one of the places that are looked at, in their order.
type Link string

// The links.
const (
	LinkLive     Link = "live"
	LinkArgo     Link = "argo"
	LinkGitops   Link = "gitops"
	LinkTekton   Link = "tekton"
	LinkWorktree Link = "worktree"
)

var links = []Link{LinkLive, LinkArgo, LinkGitops, LinkTekton, LinkWorktree}

// Chain is the findings of one link.
type Chain struct {
	Link     Link      `json:"link"`
	State    State     `json:"state"` // the worst of its findings
	Findings []Finding `json:"findings"`
}

// State is what is known of a rule.
type State string

// The states.
const (
	Matched      State = "matched"
	Skipped      State = "skipped"
	Unknown      State = "unknown"
	Contradicted State = "contradicted"
)

// Finding is one rule.
type Finding struct {
	Rule         string        `json:"rule"`
	Holds        string        `json:"holds"` // what the rule says
	State        State         `json:"state"`
	Observations []Observation `json:"observations"`
}

// Observation is one thing that was seen, or was not.
type Observation struct {
	State  State  `json:"state"` // what it says of the rule
	Object string `json:"object"`
	Field  string `json:"field,omitempty"`
	Value  string `json:"value,omitempty"`
	Wanted string `json:"wanted,omitempty"` // when the value is another
	Note   string `json:"note,omitempty"`
	Hint   string `json:"hint,omitempty"`
	SeenAt string `json:"seenAt,omitempty"` // RFC 3339, UTC, of what was asked of something that may change
}

// Encode gives the canonical bytes.
func (v Verdict) Encode() ([]byte, error) { return canon.Marshal(v) }

var limits = canon.Limits{Bytes: 64 << 20, Depth: 8}

// Parse reads a verdict. One that contradicts itself is refused, and so is one with
// a text that cannot be shown: it was not made by Judge.
func Parse(file string, data []byte) (*Verdict, error) {
	v := new(Verdict)
	if err := canon.Unmarshal(file, "I9", data, v, limits); err != nil {
		return nil, fmt.Errorf("reading the verdict: %w", err)
	}
	no := func(format string, args ...any) (*Verdict, error) {
		return nil, fail.Refuse("I9", file, "make it again with lane verify -o json", format, args...)
	}
	if v.APIVersion != APIVersion || v.Kind != Kind {
		return no("it is %s %s, not %s %s", clean(v.APIVersion), clean(v.Kind), APIVersion, Kind)
	}
	if _, err := time.Parse(time.RFC3339, v.At); err != nil {
		return no("at is %q, which is no time", clean(v.At))
	}
	for text := range v.texts {
		if fail.Clean(text, len(text)) != text {
			return no("%q is no text that can be shown", clean(text))
		}
	}
	told := *v
	told.count()
	if told.Accepted != v.Accepted || told.Contradicted != v.Contradicted || told.Unknown != v.Unknown {
		return no("its findings do not make the verdict that it gives")
	}
	return v, nil
}

// texts are all that a verdict says in words.
func (v *Verdict) texts(yield func(string) bool) {
	all := []string{v.Project, v.Lane, v.SourceCommitID, v.GitopsCommitID}
	for _, l := range v.Skipped {
		all = append(all, string(l))
	}
	for _, c := range v.Links {
		all = append(all, string(c.Link), string(c.State))
		for _, f := range c.Findings {
			all = append(all, f.Rule, f.Holds, string(f.State))
			for _, ob := range f.Observations {
				all = append(all, string(ob.State), ob.Object, ob.Field, ob.Value, ob.Wanted, ob.Note, ob.Hint, ob.SeenAt)
			}
		}
	}
	slices.Values(all)(yield)
}

// count makes the sums from the findings.
func (v *Verdict) count() {
	v.Contradicted, v.Unknown = 0, 0
	n := 0
	for _, c := range v.Links {
		for _, f := range c.Findings {
			n++
			switch f.State {
			case Contradicted:
				v.Contradicted++
			case Matched, Skipped:
			default:
				v.Unknown++
			}
		}
	}
	v.Accepted = n > 0 && v.Contradicted+v.Unknown == 0
}

// Finding finds a rule's finding.
func (v Verdict) Finding(rule string) (Finding, bool) {
	for _, c := range v.Links {
		for _, f := range c.Findings {
			if f.Rule == rule {
				return f, true
			}
		}
	}
	return Finding{}, false
}

// worse is the state that outweighs the other.
func worse(a, b State) State {
	weight := map[State]int{Skipped: 0, Matched: 1, Unknown: 2, Contradicted: 3}
	if weight[b] > weight[a] {
		return b
	}
	return a
}
