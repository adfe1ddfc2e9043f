package soak

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	corev1 "k8s.io/api/core/v1"

	"github.com/pikasTech/agentrun/internal/kube/kubetest"
)

const issuerName = "https://kubernetes.default.svc.cluster.local"

// issuer signs the tokens of ServiceAccounts.
type issuer struct {
	signer jose.Signer
	public []byte // a JSON Web Key Set
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "soak"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	public, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "soak", Algorithm: string(jose.ES256), Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{signer, public}
}

// script is what the API server says of its issuer.
func (i *issuer) script() kubetest.Script {
	return kubetest.Script{
		"GET /.well-known/openid-configuration": {kubetest.Object(fmt.Sprintf(`{"issuer":%q,"jwks_uri":"https://192.0.2.1/openid/v1/jwks"}`, issuerName))},
		"GET /openid/v1/jwks":                   {kubetest.Answer(http.StatusOK, string(i.public))},
	}
}

// token is a pod's, as the kubelet gets it.
func (i *issuer) token(p *pod, want *corev1.ServiceAccountTokenProjection) (string, error) {
	now := time.Now()
	claims, err := json.Marshal(object{
		"iss": issuerName, "aud": []string{want.Audience}, "sub": "system:serviceaccount:" + namespace + ":" + account,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Duration(*want.ExpirationSeconds) * time.Second).Unix(),
		"kubernetes.io": object{
			"namespace": namespace, "serviceaccount": object{"name": account, "uid": "a-1"},
			"pod": object{"name": p.name, "uid": p.uid},
		},
	})
	if err != nil {
		return "", err
	}
	signed, err := i.signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}
