package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/internal/kube/kubetest"
)

const (
	issuer    = "https://kubernetes.default.svc.cluster.local"
	namespace = "shop-v1"
	account   = "shop-v1-runner"
)

// signer is a key of the cluster.
type signer struct {
	id        string
	algorithm jose.SignatureAlgorithm
	key       crypto.Signer
}

func rsaKey(t testing.TB, id string) signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return signer{id, jose.RS256, key}
}

func ecKey(t testing.TB, id string) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{id, jose.ES256, key}
}

func (s signer) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.key.Public(), KeyID: s.id, Algorithm: string(s.algorithm), Use: "sig"}
}

// sign makes a token of any claims.
func (s signer) sign(t testing.TB, claims any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	with, err := jose.NewSigner(jose.SigningKey{Algorithm: s.algorithm, Key: jose.JSONWebKey{Key: s.key, KeyID: s.id}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := with.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// said is what a good token says, as Kubernetes writes it.
func said() map[string]any {
	return map[string]any{
		"iss": issuer, "aud": []string{Audience}, "sub": "system:serviceaccount:" + namespace + ":" + account,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(), "jti": "5f7b7e3a",
		"kubernetes.io": map[string]any{
			"namespace":      namespace,
			"serviceaccount": map[string]any{"name": account, "uid": "a-1"},
			"pod":            map[string]any{"name": "run-1-abcde", "uid": "p-1"},
			"node":           map[string]any{"name": "n", "uid": "n-1"},
		},
	}
}

var wanted = Pod{namespace, account, "run-1-abcde", "p-1"}

// server is an API server with keys that may change, and may be away.
type server struct {
	mu    sync.Mutex
	keys  []jose.JSONWebKey
	away  bool
	body  string // instead of the keys
	asked atomic.Int64
}

func (s *server) set(keys ...signer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = nil
	for _, k := range keys {
		s.keys = append(s.keys, k.public())
	}
}

func (s *server) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		kubetest.Status(http.StatusServiceUnavailable, "ServiceUnavailable", "away", "")(w, r)
		return
	}
	if strings.HasSuffix(r.URL.Path, "openid-configuration") {
		kubetest.Object(fmt.Sprintf(`{"issuer":%q,"jwks_uri":"https://192.0.2.1/openid/v1/jwks"}`, issuer))(w, r)
		return
	}
	s.asked.Add(1)
	body := s.body
	if body == "" {
		data, err := json.Marshal(jose.JSONWebKeySet{Keys: s.keys})
		if err != nil {
			panic(err)
		}
		body = string(data)
	}
	kubetest.Object(body)(w, r)
}

// clock is a time that tests set.
type clock struct{ atomic.Pointer[time.Time] }

func (c *clock) now() time.Time      { return *c.Load() }
func (c *clock) add(d time.Duration) { at := c.now().Add(d); c.Store(&at) }
func newClock(at time.Time) *clock   { c := &clock{}; c.Store(&at); return c }
func anAccount() (string, error)     { return account, nil }

// verifier asks a server with these keys.
func verifier(t *testing.T, more kubetest.Script, keys ...signer) (*Verifier, *server, *clock) {
	t.Helper()
	s := &server{}
	s.set(keys...)
	script := kubetest.Script{"GET /.well-known/openid-configuration": {s.answer}, "GET /openid/v1/jwks": {s.answer}}
	maps.Copy(script, more)
	fake := kubetest.Start(script, func(r string) { t.Errorf("unexpected request %s", r) })
	t.Cleanup(fake.Close)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, fake.Kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := kube.Connect(t.Context(), kube.Options{Kubeconfig: file, Later: true, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	clock := newClock(now)
	return New(Config{Kube: c, Namespace: namespace, Account: anAccount, Now: clock.now}), s, clock
}
