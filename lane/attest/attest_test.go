package attest_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"golang.org/x/crypto/ssh"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/attest"
	"github.com/pikasTech/agentrun/lane/verify"
)

func verdict() verify.Verdict {
	return verify.Verdict{
		APIVersion: verify.APIVersion, Kind: verify.Kind, Project: "shop", Lane: "v0.3", At: "2026-01-02T03:04:05Z",
		SourceCommitID: strings.Repeat("a", 40), GitopsCommitID: strings.Repeat("c", 40), Accepted: true, Skipped: []verify.Link{},
		Links: []verify.Chain{{Link: verify.LinkLive, State: verify.Matched, Findings: []verify.Finding{{
			Rule: "I3", Holds: "it is there", State: verify.Matched, Observations: []verify.Observation{{State: verify.Matched, Object: "Namespace shop-v03", Field: "status.phase", Value: "Active"}},
		}}}},
	}
}

// pair is a new key as OpenSSH keeps it: the private file and the public line.
func pair(t testing.TB, key crypto.Signer) (private, public []byte) {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	p, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block), ssh.MarshalAuthorizedKey(p)
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ed(t testing.TB) crypto.Signer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signed(t testing.TB, v verify.Verdict, key crypto.Signer) (envelope []byte, keys []*attest.Key) {
	t.Helper()
	private, public := pair(t, key)
	k := must[*attest.Key](t)(attest.PrivateKey("key", private))
	return must[[]byte](t)(attest.Sign(t.Context(), v, k)), must[[]*attest.Key](t)(attest.PublicKeys("key.pub", public))
}

func TestSignAndCheckEachKindOfKey(t *testing.T) {
	for name, key := range map[string]crypto.Signer{
		"ed25519": ed(t),
		"P-256":   must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
		"P-384":   must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)),
		"P-521":   must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)),
	} {
		envelope, keys := signed(t, verdict(), key)
		v, by, err := attest.Check(t.Context(), "v.json", envelope, keys)
		if err != nil || !strings.HasPrefix(by, "SHA256:") {
			t.Errorf("%s: %q, %v", name, by, err)
			continue
		}
		if diff := cmp.Diff(verdict(), *v); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestI9_RefusesWhatNoKeySigned: every way to have another verdict pass for a signed
// one.
func TestI9_RefusesWhatNoKeySigned(t *testing.T) {
	key := ed(t)
	envelope, keys := signed(t, verdict(), key)
	edit := func(change func(e *dsse.Envelope, payload []byte) []byte) []byte {
		var e dsse.Envelope
		if err := json.Unmarshal(envelope, &e); err != nil {
			t.Fatal(err)
		}
		payload := must[[]byte](t)(e.DecodeB64Payload())
		e.Payload = base64.StdEncoding.EncodeToString(change(&e, payload))
		return must[[]byte](t)(json.Marshal(e))
	}
	_, others := signed(t, verdict(), ed(t))
	for name, tt := range map[string]struct {
		data []byte
		keys []*attest.Key
		says string
	}{
		"another key": {envelope, others, "no key that was given has signed it"},
		"another verdict": {edit(func(_ *dsse.Envelope, p []byte) []byte {
			return bytes.ReplaceAll(p, []byte("Active"), []byte("Absent"))
		}), keys, "no key that was given has signed it"},
		"another type": {edit(func(e *dsse.Envelope, p []byte) []byte { e.PayloadType = "text/plain"; return p }), keys, "not an in-toto statement"},
		"no signature": {edit(func(e *dsse.Envelope, p []byte) []byte { e.Signatures = nil; return p }), keys, "no key that was given has signed it"},
		"no key":       {envelope, nil, "no key was given"},
	} {
		_, _, err := attest.Check(t.Context(), "v.json", tt.data, tt.keys)
		if err == nil || fail.CodeOf(err) != fail.Refused || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Signed by the right key, and yet no statement about this verdict.
	private, _ := pair(t, key)
	signer := must[*dsse.EnvelopeSigner](t)(dsse.NewEnvelopeSigner(must[*attest.Key](t)(attest.PrivateKey("key", private))))
	var e dsse.Envelope
	if err := json.Unmarshal(envelope, &e); err != nil {
		t.Fatal(err)
	}
	payload := string(must[[]byte](t)(e.DecodeB64Payload()))
	for old, says := range map[string]string{
		attest.StatementType: "no statement about a verdict", attest.PredicateType: "no statement about a verdict",
		`"shop v0.3 source"`: "about something else", `"contradicted": 0`: "do not make the verdict",
	} {
		other := strings.Replace(payload, old, map[bool]string{true: `"contradicted": 2`, false: `"other"`}[strings.HasSuffix(old, "0")], 1)
		if !strings.HasPrefix(old, `"`) {
			other = strings.Replace(payload, old, "other", 1)
		}
		made := must[*dsse.Envelope](t)(signer.SignPayload(t.Context(), attest.PayloadType, []byte(other)))
		_, _, err := attest.Check(t.Context(), "v.json", must[[]byte](t)(json.Marshal(made)), keys)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", old, err)
		}
	}
}

func TestI9_SignsNothingThatIsAboutNothing(t *testing.T) {
	private, _ := pair(t, ed(t))
	v := verdict()
	v.GitopsCommitID = ""
	if _, err := attest.Sign(t.Context(), v, must[*attest.Key](t)(attest.PrivateKey("key", private))); fail.RuleOf(err) != "I9" {
		t.Error(err)
	}
}

func TestC4_KeysAreNotQuoted(t *testing.T) {
	private, public := pair(t, ed(t))
	weak, weakPublic := pair(t, must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048)))
	for name, read := range map[string]func() error{
		"a cut key":             func() error { _, err := attest.PrivateKey("k", private[:100]); return err },
		"a public one to sign":  func() error { _, err := attest.PrivateKey("k", public); return err },
		"a private one to look": func() error { _, err := attest.PublicKeys("k", private); return err },
		"none":                  func() error { _, err := attest.PublicKeys("k", nil); return err },
		"RSA":                   func() error { _, err := attest.PrivateKey("k", weak); return err },
		"public RSA":            func() error { _, err := attest.PublicKeys("k", weakPublic); return err },
	} {
		err := read()
		if err == nil || fail.CodeOf(err) != fail.Failed || strings.Contains(err.Error(), string(private[40:60])) || fail.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	envelope, keys := signed(f, verdict(), ed(f))
	f.Add(envelope)
	f.Add([]byte(`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"sig":"AA=="}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, _, err := attest.Check(t.Context(), "v.json", data, keys)
		if err == nil && !cmp.Equal(*v, verdict()) {
			t.Errorf("another verdict passes: %+v", v)
		}
	})
}

// FuzzKeys: what is no file of keys is told without a word of it, and what is one
// checks the signatures of its own private half alone.
func FuzzKeys(f *testing.F) {
	private, public := pair(f, ed(f))
	f.Add(private)
	f.Add(public)
	f.Add([]byte("# comment\n\nssh-rsa AAAA x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		quiet := func(err error) {
			if err != nil && (fail.HintOf(err) == "" || strings.ContainsAny(err.Error(), "\n\x1b")) {
				t.Errorf("%q", err)
			}
		}
		keys, err := attest.PublicKeys("k", data)
		quiet(err)
		if err == nil && len(keys) == 0 {
			t.Error("no key and no error")
		}
		for _, k := range keys {
			if k.Verify(t.Context(), []byte("x"), []byte("y")) == nil {
				t.Error("anything is a signature")
			}
		}
		k, err := attest.PrivateKey("k", data)
		quiet(err)
		if err != nil {
			return
		}
		sig, err := k.Sign(t.Context(), []byte("x"))
		if err != nil || k.Verify(t.Context(), []byte("x"), sig) != nil || k.Verify(t.Context(), []byte("y"), sig) == nil {
			t.Errorf("the key does not check what it signs: %v", err)
		}
	})
}
