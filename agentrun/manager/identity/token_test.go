package identity

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

func TestVerify(t *testing.T) {
	for _, k := range []signer{rsaKey(t, "r"), ecKey(t, "e")} {
		v, s, clock := verifier(t, nil, k)
		for range 3 {
			got, err := v.Verify(t.Context(), k.sign(t, said()))
			if diff := cmp.Diff(wanted, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
		}
		if n := s.asked.Load(); n != 1 {
			t.Errorf("the cluster was asked %d times", n)
		}
		// The cluster is needed for nothing else.
		s.mu.Lock()
		s.away = true
		s.mu.Unlock()
		clock.add(59 * time.Minute)
		if _, err := v.Verify(t.Context(), k.sign(t, said())); err != nil {
			t.Error(err)
		}
	}
}

func TestVerifyRefusesWhatATokenSays(t *testing.T) {
	k := rsaKey(t, "r")
	v, _, _ := verifier(t, nil, k)
	kubernetes := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) {
			inner := c["kubernetes.io"].(map[string]any)
			if inner[name] = value; value == nil {
				delete(inner, name)
			}
		}
	}
	put := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
	}
	tests := []struct {
		name   string
		change func(map[string]any)
		why    string
	}{
		{"expired", put("exp", now.Add(-2*time.Minute).Unix()), "has expired"},
		{"no end", put("exp", nil), "how long"},
		{"not yet", put("nbf", now.Add(2*time.Minute).Unix()), "not good yet"},
		{"no beginning", put("nbf", nil), "how long"},
		{"issued tomorrow", put("iat", now.Add(24*time.Hour).Unix()), "not good yet"},
		{"for the API server", put("aud", []string{"https://kubernetes.default.svc"}), "for others"},
		{"for nobody", put("aud", nil), "for others"},
		{"for a longer name", put("aud", Audience+"-2"), "for others"},
		{"another issuer", put("iss", issuer+"/"), "another cluster"},
		{"no issuer", put("iss", nil), "another cluster"},
		{"another namespace", kubernetes("namespace", "shop-v2"), "another namespace"},
		{"another account", kubernetes("serviceaccount", map[string]any{"name": "default", "uid": "a-2"}), "another ServiceAccount"},
		{"no account", kubernetes("serviceaccount", nil), "another ServiceAccount"},
		{"another subject", put("sub", "system:serviceaccount:"+namespace+":default"), "another ServiceAccount"},
		{"no pod", kubernetes("pod", nil), "bound to no pod"},
		{"a pod without uid", kubernetes("pod", map[string]any{"name": "run-1-abcde"}), "bound to no pod"},
		{"nothing of Kubernetes", put("kubernetes.io", nil), "another namespace"},
		{"wrong types", put("kubernetes.io", []string{"x"}), "signature"},
		{"keys in capitals", func(c map[string]any) { c["KUBERNETES.IO"] = c["kubernetes.io"]; delete(c, "kubernetes.io") }, "another namespace"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			claims := said()
			tt.change(claims)
			refusedToken(t, v, k.sign(t, claims), tt.why)
		})
	}
	within := said()
	within["exp"], within["nbf"] = now.Add(-50*time.Second).Unix(), now.Add(50*time.Second).Unix()
	within["aud"] = Audience // one audience may stand alone
	if _, err := v.Verify(t.Context(), k.sign(t, within)); err != nil {
		t.Errorf("clocks that are a little apart: %v", err)
	}
}

func refusedToken(t *testing.T, v *Verifier, token, why string) {
	t.Helper()
	pod, err := v.Verify(t.Context(), token)
	if !errors.Is(err, ErrToken) || errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), why) || pod != (Pod{}) {
		t.Errorf("got %+v, %v, want %q", pod, err, why)
	}
	for part := range strings.SplitSeq(token, ".") {
		if err != nil && len(part) > 8 && strings.Contains(err.Error(), part) {
			t.Errorf("the error has a part of the token: %v", err)
		}
	}
}

func TestVerifyRefusesForgeries(t *testing.T) {
	k, other, ec := rsaKey(t, "r"), rsaKey(t, "r"), ecKey(t, "e")
	v, _, _ := verifier(t, nil, k, ec)
	good := k.sign(t, said())
	part := strings.Split(good, ".")
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	der := k.key.(*rsa.PrivateKey).PublicKey.N.Bytes()
	hs, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: der, KeyID: "r"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(said())
	if err != nil {
		t.Fatal(err)
	}
	shared, err := hs.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	confused, err := shared.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	embedded, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: other.key, KeyID: "r"}}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	own, err := embedded.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	withKey, err := own.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, token, why string }{
		{"empty", "", "no token"},
		{"words", "Bearer x", "spaces"},
		{"another's signature", other.sign(t, said()), "signature"},
		{"another's payload", part[0] + "." + encode(`{"iss":"x"}`) + "." + part[2], "signature"},
		{"no signature", part[0] + "." + part[1] + ".", "signature"},
		{"alg none", encode(`{"alg":"none","kid":"r"}`) + "." + part[1] + ".", "no token"},
		{"alg None", encode(`{"alg":"None","kid":"r"}`) + "." + part[1] + ".", "no token"},
		{"HS256 with the public key", confused, "no token"},
		{"RSA's signature as another algorithm", encode(`{"alg":"ES256","kid":"r"}`) + "." + part[1] + "." + part[2], "another algorithm"},
		{"of the other key", encode(`{"alg":"RS256","kid":"e"}`) + "." + part[1] + "." + part[2], "another algorithm"},
		{"with a key of its own", withKey, "no key"},
		{"no kid", signer{"", jose.RS256, k.key}.sign(t, said()), "names no key"},
		{"critical extension", encode(`{"alg":"RS256","kid":"r","crit":["exp"],"exp":1}`) + "." + part[1] + "." + part[2], ""},
		{"two of a kind", encode(`{"alg":"RS256","alg":"none","kid":"r"}`) + "." + part[1] + "." + part[2], ""},
		{"JSON serialization", `{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`, "no token"},
		{"huge", good + strings.Repeat("A", maxToken), "too long"},
		{"huge header", encode(`{"alg":"RS256","kid":"`+strings.Repeat("r", maxToken)+`"}`) + "." + part[1] + "." + part[2], "too long"},
		{"line break", good + "\n", "spaces"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { refusedToken(t, v, tt.token, tt.why) })
	}
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Error(err)
	}
}
