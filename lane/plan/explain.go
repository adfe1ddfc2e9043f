package plan

import (
	"context"
	"fmt"
	"slices"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/intent"
)

// ExplanationKind is the type of the document that Explain gives.
const ExplanationKind = "Explanation"

// Explanation is every input of one service and, against the commit that the
// previous catalog's image was built from, which of them changed.
type Explanation struct {
	APIVersion     string         `json:"apiVersion"`
	Kind           string         `json:"kind"`
	SourceCommitID string         `json:"sourceCommitId"`
	ID             string         `json:"id"`
	Decision       Decision       `json:"decision"`
	Identity       string         `json:"identity"`
	Reasons        []string       `json:"reasons"`
	Inputs         []canon.Input  `json:"inputs"`            // sorted by name
	Since          string         `json:"since,omitempty"`   // the commit that Changes compares with, if it could be read
	Changes        []canon.Change `json:"changes,omitempty"` // sorted by name
}

// Encode gives the canonical bytes.
func (e *Explanation) Encode() ([]byte, error) { return canon.Marshal(e) }

// Explain says what the image of service id is made of at the request's commit
// and what of that changed.
func Explain(ctx context.Context, req Request, id string) (*Explanation, error) {
	services, err := req.services()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(services, func(s intent.Service) bool { return s.ID == id })
	if i < 0 {
		return nil, &fail.Error{Code: fail.Usage, Where: id, Err: fmt.Errorf("there is no such service"), Hint: "name the id of an enabled service"}
	}
	s, err := req.Snapshot(ctx, req.Commit)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	described, err := s.describeAll(ctx, services[i:i+1])
	if err != nil {
		return nil, fmt.Errorf("explaining %.12s: %w", req.Commit, err)
	}
	d, h := described[0], history{snapshot: s, commits: map[string]*past{}}
	decided, err := req.decide(ctx, &h, d)
	if err != nil {
		return nil, err
	}
	e := &Explanation{
		APIVersion: APIVersion, Kind: ExplanationKind, SourceCommitID: req.Commit,
		ID: id, Decision: decided.Decision, Identity: decided.Identity, Reasons: decided.Reasons, Inputs: slices.Collect(d.inputs()),
	}
	was, ok := req.Previous[id]
	if !ok {
		return e, nil
	}
	before, why, err := h.inputs(ctx, id, was.SourceCommitID)
	if err != nil {
		return nil, err
	}
	if why == "" {
		e.Since, e.Changes = was.SourceCommitID, canon.Changes(before, e.Inputs)
	}
	return e, nil
}
