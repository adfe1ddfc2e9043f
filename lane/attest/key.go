package attest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"errors"

	"golang.org/x/crypto/ssh"

	"github.com/pikasTech/agentrun/internal/fail"
)

// Key is one key of OpenSSH: the public half, and the private one in who signs.
type Key struct {
	private crypto.Signer // nil in who checks
	public  ssh.PublicKey
}

// PrivateKey reads a private key. file is only used in messages.
func PrivateKey(file string, data []byte) (*Key, error) {
	const hint = "make a key with ssh-keygen -t ed25519 -N ''"
	signer, err := ssh.ParsePrivateKey(data)
	if err != nil {
		return nil, fail.Fail(file, hint, "the key that signs cannot be read") // the cause may quote the key
	}
	raw, err := ssh.ParseRawPrivateKey(data)
	if err != nil {
		return nil, fail.Fail(file, hint, "the key that signs cannot be read")
	}
	if p, ok := raw.(*ed25519.PrivateKey); ok {
		raw = *p
	}
	private, ok := raw.(crypto.Signer)
	k := &Key{private, signer.PublicKey()}
	if !ok || hashOf(k.Public()) == nil {
		return nil, fail.Fail(file, hint, "the key that signs is of type %s", signer.PublicKey().Type())
	}
	return k, nil
}

// maxKeys bounds how many public keys a file may have.
const maxKeys = 100

// PublicKeys reads the public keys of a file, one a line, as ssh-keygen writes them.
func PublicKeys(file string, data []byte) ([]*Key, error) {
	const hint = "name the .pub file of the key that signed"
	var all []*Key
	for rest := bytes.TrimSpace(data); len(rest) > 0; rest = bytes.TrimSpace(rest) {
		var public ssh.PublicKey
		var err error
		if public, _, _, rest, err = ssh.ParseAuthorizedKey(rest); err != nil || len(all) == maxKeys {
			return nil, fail.Fail(file, hint, "it is no file of public keys") // it may be a private one
		}
		k := &Key{public: public}
		if hashOf(k.Public()) == nil {
			return nil, fail.Fail(file, hint, "a key of type %s does not sign verdicts", public.Type())
		}
		all = append(all, k)
	}
	if len(all) == 0 {
		return nil, fail.Fail(file, hint, "it has no public key")
	}
	return all, nil
}

// hashOf is how much of the message a key signs; nil of a key that signs none.
func hashOf(public crypto.PublicKey) *crypto.Hash {
	h := crypto.Hash(0) // ed25519 takes the message itself
	switch p := public.(type) {
	case ed25519.PublicKey:
	case *ecdsa.PublicKey:
		switch size := p.Curve.Params().BitSize; {
		case size <= 256:
			h = crypto.SHA256
		case size <= 384:
			h = crypto.SHA384
		default:
			h = crypto.SHA512
		}
	default:
		return nil
	}
	return &h
}

func digest(h crypto.Hash, data []byte) []byte {
	if h == 0 {
		return data
	}
	w := h.New()
	w.Write(data)
	return w.Sum(nil)
}

// Sign, Verify, KeyID and Public are what an envelope asks of a key.
func (k *Key) Sign(_ context.Context, data []byte) ([]byte, error) {
	h := *hashOf(k.Public())
	return k.private.Sign(rand.Reader, digest(h, data), h)
}

// Verify reports an error when sig is not the key's signature of data.
func (k *Key) Verify(_ context.Context, data, sig []byte) error {
	h, ok := hashOf(k.Public()), false
	switch p := k.Public().(type) {
	case ed25519.PublicKey:
		ok = ed25519.Verify(p, data, sig)
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(p, digest(*h, data), sig)
	}
	if !ok {
		return errors.New("it is not the key's signature")
	}
	return nil
}

// KeyID is the key's fingerprint.
func (k *Key) KeyID() (string, error) { return ssh.FingerprintSHA256(k.public), nil }

// Public is the public half.
func (k *Key) Public() crypto.PublicKey {
	if p, ok := k.public.(ssh.CryptoPublicKey); ok {
		return p.CryptoPublicKey()
	}
	return nil
}
