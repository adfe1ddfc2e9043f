package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/agentrun/manager/identity"
	"github.com/pikasTech/agentrun/internal/kube/kubetest"
)

const (
	namespace = "default"
	account   = "runner"
	issuer    = "https://kubernetes.default.svc"

	jobTemplate = `apiVersion: batch/v1
kind: Job
metadata: {name: runner}
spec:
  template:
    spec:
      serviceAccountName: ` + account + `
      restartPolicy: Never
      containers:
      - {name: runner, image: "registry.example/runner@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
`
)

// cluster is an API server in which each Job has a pod at once. It signs tokens as
// Kubernetes does unless told otherwise: RS256 with a key of 2048 bits.
type cluster struct {
	*kubetest.Objects
	signer jose.Signer
	seen   map[string]bool // Jobs with a pod
}

func newCluster() (*cluster, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		return nil, err
	}
	keys, err := json.Marshal(map[string]any{"keys": []any{jose.JSONWebKey{Key: key.Public(), KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
	if err != nil {
		return nil, err
	}
	var once sync.Once
	c := &cluster{signer: signer, seen: map[string]bool{}}
	c.Objects = kubetest.StartObjects(namespace, kubetest.Script{
		"GET /.well-known/openid-configuration": {kubetest.Object(fmt.Sprintf(`{"issuer":%q}`, issuer))},
		"GET /openid/v1/jwks":                   {kubetest.Object(string(keys))},
	}, func(request string) {
		once.Do(func() { fmt.Println("an unexpected request to the API server:", request) })
	})
	return c, nil
}

func (c *cluster) close() {
	c.CloseClientConnections()
	c.Close()
}

// pod is a pod of an attempt.
type pod struct {
	runID string
	token string
	next  int64 // number of its next event
	last  int64 // number of the run's last event that was read
}

// pods makes a pod for each Job that has none and gives them, until ctx ends.
func (c *cluster) pods(ctx context.Context, started chan<- pod) error {
	for {
		for _, job := range c.All("jobs") {
			meta, _ := job["metadata"].(map[string]any)
			name, _ := meta["name"].(string)
			if c.seen[name] {
				continue
			}
			c.seen[name] = true
			labels, _ := meta["labels"].(map[string]any)
			uid := "pod-of-" + name
			c.Put("pods", map[string]any{
				"apiVersion": "v1", "kind": "Pod",
				"metadata": map[string]any{
					"name": name + "-abcde", "namespace": namespace, "uid": uid, "labels": labels,
					"ownerReferences": []any{map[string]any{"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": meta["uid"], "controller": true}},
				},
				"status": map[string]any{"phase": "Running"},
			})
			token, err := c.token(name+"-abcde", uid)
			if err != nil {
				return err
			}
			runID, _ := labels[identity.RunLabel].(string)
			started <- pod{runID: runID, token: token, next: 1}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// token is the projected token of a pod.
func (c *cluster) token(name, uid string) (string, error) {
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": issuer, "aud": []string{identity.Audience}, "sub": "system:serviceaccount:" + namespace + ":" + account,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"kubernetes.io": map[string]any{
			"namespace":      namespace,
			"serviceaccount": map[string]any{"name": account, "uid": "a"},
			"pod":            map[string]any{"name": name, "uid": uid},
			"node":           map[string]any{"name": "node", "uid": "n"},
		},
	})
	if err != nil {
		return "", err
	}
	signed, err := c.signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}
