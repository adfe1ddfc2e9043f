// Package attest makes a verdict a statement that somebody signs, and reads one back.
//
// Input of Sign is a verdict and a private key; output is a DSSE envelope around an
// in-toto statement, whose subjects are the released commit and the head of the GitOps
// branch and whose predicate is the verdict. Check takes such an envelope and public
// keys, and gives the verdict that one of them signed.
//
// Keys are those of OpenSSH, of type ed25519 or ECDSA, without a passphrase. Bytes are
// bounded and read strictly. The package refuses what no key in question signed, what
// is no statement about a verdict, and a statement whose subjects are not those of its
// verdict. It never judges: a signature says who made a verdict, not that it is true.
// It reads no file and never prints a key.
package attest

import (
	"context"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/verify"
)

// The types of the envelope's content.
const (
	PayloadType   = "application/vnd.in-toto+json"
	StatementType = "https://in-toto.io/Statement/v1"
	PredicateType = "https://lane.agentrun.dev/v1/verdict"
)

// Statement is an in-toto statement whose predicate is a verdict.
type Statement struct {
	Type          string         `json:"_type"`
	Subject       []Subject      `json:"subject"`
	PredicateType string         `json:"predicateType"`
	Predicate     verify.Verdict `json:"predicate"`
}

// Subject is what a statement is about.
type Subject struct {
	Name   string `json:"name"`
	Digest Digest `json:"digest"`
}

// Digest names a commit.
type Digest struct {
	GitCommit string `json:"gitCommit"`
}

// subjects are those of a verdict.
func subjects(v verify.Verdict) []Subject {
	return []Subject{
		{v.Project + " " + v.Lane + " source", Digest{v.SourceCommitID}},
		{v.Project + " " + v.Lane + " GitOps branch", Digest{v.GitopsCommitID}},
	}
}

// Sign gives the envelope, in canonical form. A verdict that does not know what is
// released is about nothing and is not signed.
func Sign(ctx context.Context, v verify.Verdict, key *Key) ([]byte, error) {
	if v.SourceCommitID == "" || v.GitopsCommitID == "" {
		return nil, fail.Refuse("I9", "the verdict", "let the GitOps branch be seen first", "it does not know what is released, so there is nothing that a statement would be about")
	}
	payload, err := canon.Marshal(Statement{Type: StatementType, Subject: subjects(v), PredicateType: PredicateType, Predicate: v})
	if err != nil {
		return nil, err
	}
	signer, err := dsse.NewEnvelopeSigner(key)
	if err != nil {
		return nil, fmt.Errorf("signing the verdict: %w", err)
	}
	envelope, err := signer.SignPayload(ctx, PayloadType, payload)
	if err != nil {
		return nil, fmt.Errorf("signing the verdict: %w", err)
	}
	return canon.Marshal(envelope)
}

var limits = canon.Limits{Bytes: 96 << 20, Depth: 10}

// Check gives the verdict in an envelope that one of keys signed, and that key's
// fingerprint. file is only used in messages.
func Check(ctx context.Context, file string, data []byte, keys []*Key) (*verify.Verdict, string, error) {
	refuse := func(format string, args ...any) (*verify.Verdict, string, error) {
		return nil, "", fail.Refuse("I9", file, "ask for the key of who made it, or make the verdict again with lane verify --sign", format, args...)
	}
	envelope := new(dsse.Envelope)
	if err := canon.Unmarshal(file, "I9", data, envelope, limits); err != nil {
		return nil, "", fmt.Errorf("reading the envelope: %w", err)
	}
	if envelope.PayloadType != PayloadType {
		return refuse("its payload is %q, not an in-toto statement", fail.Clean(envelope.PayloadType, 100))
	}
	verifiers := make([]dsse.Verifier, len(keys))
	for i, k := range keys {
		verifiers[i] = k
	}
	verifier, err := dsse.NewEnvelopeVerifier(verifiers...)
	if err != nil {
		return refuse("no key was given")
	}
	accepted, err := verifier.Verify(ctx, envelope)
	if err != nil || len(accepted) == 0 {
		return refuse("no key that was given has signed it")
	}
	payload, err := envelope.DecodeB64Payload()
	if err != nil {
		return refuse("its payload is no base64")
	}
	s := new(Statement)
	if err := canon.Unmarshal(file, "I9", payload, s, limits); err != nil {
		return nil, "", fmt.Errorf("reading the statement: %w", err)
	}
	if s.Type != StatementType || s.PredicateType != PredicateType {
		return refuse("it is no statement about a verdict: %s %s", fail.Clean(s.Type, 100), fail.Clean(s.PredicateType, 100))
	}
	predicate, err := s.Predicate.Encode()
	if err != nil {
		return nil, "", err
	}
	v, err := verify.Parse(file, predicate)
	if err != nil {
		return nil, "", err
	}
	if want := subjects(*v); len(s.Subject) != len(want) || s.Subject[0] != want[0] || s.Subject[1] != want[1] {
		return refuse("it is about something else than its verdict")
	}
	return v, accepted[0].KeyID, nil
}
