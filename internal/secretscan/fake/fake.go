// Package fake makes credentials that open nothing, for tests.
//
// A test that needs something that looks like a credential takes it from here:
// it is put together at run time, so that no file of the tree holds one and no
// file needs an exception from the scan (rule C4). The values are the same in
// every run.
package fake

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/rand/v2"
	"strings"
)

const (
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	hex     = "0123456789abcdef"
)

// Credential is one fake, and what it pretends to be.
type Credential struct {
	Name  string
	Value string
}

// All is one of each kind that a scan must find wherever it stands.
func All() []Credential {
	return []Credential{
		{"GitHub token", GitHubToken()},
		{"AWS access key", "AKI" + "A" + strings.ToUpper(digits(2, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16))},
		{"Slack token", "xox" + "b-" + digits(3, "0123456789", 12) + "-" + digits(4, "0123456789", 12) + "-" + digits(5, letters, 24)},
		{"JSON Web Token", Token()},
		{"private key", PrivateKey()},
		{"URL with a password", PasswordURL()},
		{"kubeconfig", Kubeconfig()},
		{"Secret manifest", SecretManifest()},
		{"registry login", RegistryLogin()},
	}
}

// GitHubToken looks like a personal access token.
func GitHubToken() string { return "gh" + "p_" + digits(1, letters, 36) }

// Token looks like a JSON Web Token.
func Token() string {
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		enc.EncodeToString([]byte(`{"sub":"nobody","iat":1700000000}`)) + "." + digits(6, letters, 43)
}

// Password looks like a generated password.
func Password() string { return digits(7, letters, 20) }

// PasswordURL is a database URL with a password.
func PasswordURL() string { return "postgres:/" + "/agent:" + Password() + "@db.example:5432/app" }

// PrivateKey is a PEM block of a key that nobody uses.
func PrivateKey() string {
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed([]byte(digits(8, letters, ed25519.SeedSize))))
	if err != nil {
		panic(err) // an Ed25519 key always encodes
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE" + " KEY", Bytes: der}))
}

// Kubeconfig has a user with a token.
func Kubeconfig() string {
	return "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster: {server: https://10.0.0.1}\n" +
		"users:\n- name: u\n  user:\n    to" + "ken: " + digits(9, letters, 40) + "\n"
}

// SecretManifest is a Kubernetes Secret with a value.
func SecretManifest() string {
	return "apiVersion: v1\nkind: Sec" + "ret\nmetadata:\n  name: s\ndata:\n  key: " +
		base64.StdEncoding.EncodeToString([]byte(Password())) + "\n"
}

// RegistryLogin is docker's config.json with a login.
func RegistryLogin() string {
	return `{"auths":{"registry.example":{"au` + `th":"` + base64.StdEncoding.EncodeToString([]byte("agent:"+Password())) + `"}}}`
}

// Digest looks like an image digest.
func Digest() string { return "sha256:" + digits(10, hex, 64) }

// Commit looks like a full commit id.
func Commit() string { return digits(11, hex, 40) }

func digits(seed uint64, alphabet string, n int) string {
	r := rand.New(rand.NewPCG(seed, 20))
	var b strings.Builder
	for range n {
		b.WriteByte(alphabet[r.IntN(len(alphabet))])
	}
	return b.String()
}
