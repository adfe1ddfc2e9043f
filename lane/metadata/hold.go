package metadata

import (
	"fmt"
	"time"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/names"
)

// HoldKind is the type of a Hold.
const HoldKind = "Hold"

// Hold keeps the lane at what is promoted: while it is live, no other release is.
type Hold struct {
	APIVersion     string `json:"apiVersion"`
	Kind           string `json:"kind"`
	Project        string `json:"project"`
	Lane           string `json:"lane"`
	SourceCommitID string `json:"sourceCommitId"`  // the source commit that it holds the lane at
	By             string `json:"by"`              // who
	Reason         string `json:"reason"`          // why
	Since          string `json:"since"`           // RFC 3339, UTC
	Until          string `json:"until,omitempty"` // likewise; "" is until it is released
}

// NewHold is a hold of the lane that n names. A zero until is until it is released.
func NewHold(n names.Names, commit, by, reason string, since, until time.Time) *Hold {
	h := &Hold{
		APIVersion: names.APIVersion, Kind: HoldKind, Project: n.Project, Lane: n.Lane,
		SourceCommitID: commit, By: by, Reason: reason, Since: Stamp(since),
	}
	if !until.IsZero() {
		h.Until = Stamp(until)
	}
	return h
}

// HoldPath is where the lane's hold stands on the GitOps branch.
func HoldPath(n names.Names) string { return n.Metadata() + "/hold.json" }

// Live reports whether the hold holds at a time.
func (h *Hold) Live(now time.Time) bool {
	until, err := time.Parse(time.RFC3339, h.Until)
	return h.Until == "" || err == nil && now.Before(until)
}

func (h *Hold) String() string {
	s := fmt.Sprintf("held at %.12s by %s since %s", h.SourceCommitID, h.By, h.Since)
	if h.Until != "" {
		s += " until " + h.Until
	}
	return s + ": " + h.Reason
}

// Refusal is the error of a release that the hold keeps out; where names the branch.
func (h *Hold) Refusal(where string) error {
	return &fail.Error{
		Code: fail.Refused, Where: where, Err: fmt.Errorf("the lane is %s", h),
		Hint: "ask them; when releases may go on: lane hold --release",
	}
}

// Encode gives the canonical bytes. A hold that ParseHold would refuse is refused.
func (h *Hold) Encode(n names.Names) ([]byte, error) {
	d := holdDocument("the hold")
	if h.validate(d, n); d.err != nil {
		return nil, d.err
	}
	return canon.Marshal(h)
}

// ParseHold reads the hold of the lane that n names. file is only used in messages.
// Refusals are by rule C3: it is no metadata that a lane keeps.
func ParseHold(file string, data []byte, n names.Names) (*Hold, error) {
	h, d := new(Hold), holdDocument(file)
	d.decode(data, h)
	h.validate(d, n)
	if d.canonical(data, h); d.err != nil {
		return nil, d.err
	}
	return h, nil
}

func holdDocument(file string) *document {
	return &document{file: file, rule: "C3", hint: "lane hold --release takes it away, lane hold --reason makes it anew"}
}

func (h *Hold) validate(d *document, n names.Names) {
	d.head(h.APIVersion, h.Kind, HoldKind, h.Project, h.Lane, n)
	if !canon.IsCommit(h.SourceCommitID) {
		d.refuse("sourceCommitId", "%q is not a full commit id", h.SourceCommitID)
	}
	d.text("by", h.By)
	d.text("reason", h.Reason)
	since := d.time("since", h.Since)
	if h.Until != "" {
		if until := d.time("until", h.Until); d.err == nil && !until.After(since) {
			d.refuse("until", "%s is not after %s", h.Until, h.Since)
		}
	}
}
