package promote_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/promote"
)

// newKey makes an ed25519 key: the private file's content and the public line.
func newKey(t *testing.T) (private []byte, public string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "lane")
	if err != nil {
		t.Fatal(err)
	}
	line, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(line))) + " lane"
}

// TestI10_SignedTrailers: git itself finds the signature good, and so does lane,
// of the very commit and by a key of the list alone.
func TestI10_SignedTrailers(t *testing.T) {
	w := newWorld(t, 3)
	private, public := newKey(t)
	_, other := newKey(t)
	signer, err := promote.NewSigner("key", private, []string{other, public})
	if err != nil {
		t.Fatal(err)
	}
	r := w.release(w.commits[1], "api")
	r.Signer = signer
	signed := apply(t, w.branch, r, promote.Promoted)
	w.sound(t)

	allowed := filepath.Join(t.TempDir(), "allowed")
	if err := os.WriteFile(allowed, []byte("lane@shop "+public+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.git(t, "-c", "gpg.ssh.allowedSignersFile="+allowed, "verify-commit", signed.Commit)

	repo := &git.Repo{GitDir: w.server.Dir}
	commit, err := repo.Commit(t.Context(), signed.Commit)
	if err != nil {
		t.Fatal(err)
	}
	by, err := promote.SignedBy(commit, []string{other, public})
	if err != nil || !strings.HasPrefix(by, "SHA256:") {
		t.Errorf("signed by %q: %v", by, err)
	}
	if _, err := promote.SignedBy(commit, []string{other}); err == nil || errors.Is(err, promote.ErrUnsigned) {
		t.Errorf("a key that is not on the list: %v", err)
	}
	edited := commit
	edited.Signed = []byte(strings.Replace(string(commit.Signed), w.commits[1], w.commits[2], 1))
	if _, err := promote.SignedBy(edited, []string{public}); err == nil {
		t.Error("another content has the same signature")
	}

	unsigned := apply(t, w.branch, w.release(w.commits[2], "api"), promote.Promoted)
	if commit, err = repo.Commit(t.Context(), unsigned.Commit); err != nil {
		t.Fatal(err)
	}
	if _, err := promote.SignedBy(commit, []string{public}); !errors.Is(err, promote.ErrUnsigned) {
		t.Errorf("unsigned: %v", err)
	}
}

func TestI10_NewSignerRefuses(t *testing.T) {
	private, _ := newKey(t)
	_, other := newKey(t)
	if _, err := promote.NewSigner("key", private, []string{other}); fail.RuleOf(err) != "I10" {
		t.Errorf("a key that nobody accepts: %v", err)
	}
	_, err := promote.NewSigner("key", []byte("-----BEGIN NOTHING-----\n"), []string{other})
	if err == nil || strings.Contains(err.Error(), "NOTHING") || fail.HintOf(err) == "" {
		t.Errorf("no key: %v", err)
	}
}
