package promote

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
)

// signatureNamespace is what git signs commits for: a signature made for
// something else is none.
const signatureNamespace = "git"

// Signer signs promotions. Its key is mounted by the promote task alone, so a
// signature says that a run of the lane wrote the commit and its trailers.
type Signer struct{ key ssh.Signer }

// NewSigner reads an OpenSSH private key of type ed25519 without a passphrase.
// Its public half must be one of signers, the intent's own list: what nobody
// would accept is not signed. file is only used in messages.
func NewSigner(file string, key []byte, signers []string) (*Signer, error) {
	const hint = "make a key with ssh-keygen -t ed25519 -N '', and put its .pub line in ci.signers"
	private, err := ssh.ParsePrivateKey(key)
	if err != nil {
		return nil, fail.Fail(file, hint, "the key that signs promotions cannot be read") // the cause may quote the key
	}
	if private.PublicKey().Type() != ssh.KeyAlgoED25519 {
		return nil, fail.Fail(file, hint, "the key that signs promotions is of type %s", private.PublicKey().Type())
	}
	for _, line := range signers {
		if public, err := parsePublic(line); err == nil && bytes.Equal(public.Marshal(), private.PublicKey().Marshal()) {
			return &Signer{private}, nil
		}
	}
	return nil, fail.Refuse("I10", file, hint, "the key %s is not one of ci.signers", ssh.FingerprintSHA256(private.PublicKey()))
}

// sign gives the armored signature of a commit object.
func (s *Signer) sign(object []byte) (string, error) {
	signature, err := sshsig.Sign(bytes.NewReader(object), s.key, sshsig.HashSHA512, signatureNamespace)
	if err != nil {
		return "", err
	}
	return string(sshsig.Armor(signature)), nil
}

// ErrUnsigned is the error about a commit without any signature.
var ErrUnsigned = errors.New("the commit is not signed")

// SignedBy says which of signers signed the commit: its fingerprint. A commit
// without a signature is ErrUnsigned; any other error means that the signature is
// of another key, of other content, or no signature.
func SignedBy(c git.Commit, signers []string) (string, error) {
	if c.Signature == "" {
		return "", ErrUnsigned
	}
	signature, err := sshsig.Unarmor([]byte(c.Signature))
	if err != nil {
		return "", fmt.Errorf("the commit's signature is not an SSH signature")
	}
	for _, line := range signers {
		public, err := parsePublic(line)
		if err != nil || !bytes.Equal(public.Marshal(), signature.PublicKey.Marshal()) {
			continue
		}
		if err := sshsig.Verify(bytes.NewReader(c.Signed), signature, public, signature.HashAlgorithm, signatureNamespace); err != nil {
			return "", fmt.Errorf("the commit's signature by %s is not of this commit", ssh.FingerprintSHA256(public))
		}
		return ssh.FingerprintSHA256(public), nil
	}
	return "", fmt.Errorf("the commit is signed by %s, which is not one of ci.signers", ssh.FingerprintSHA256(signature.PublicKey))
}

func parsePublic(line string) (ssh.PublicKey, error) {
	public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	return public, err
}
