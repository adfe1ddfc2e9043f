package identity

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/pikasTech/agentrun/internal/kube"
)

// Nothing that is not signed by the key is ever taken for a pod.
func FuzzToken(f *testing.F) {
	k := ecKey(f, "e")
	good := k.sign(f, said())
	set := &keySet{issuer, map[string]jose.JSONWebKey{"e": k.public()}, now}
	for _, seed := range []string{"", good, good + "A", strings.ToUpper(good), "a.b.c", "....", good[:len(good)/2], `{"payload":""}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		v := New(Config{Namespace: namespace, Account: anAccount, Now: func() time.Time { return now }})
		v.keys.Store(set)
		v.asked = now // so that it never asks
		pod, err := v.Verify(t.Context(), token)
		if err == nil && (pod != wanted || !strings.HasPrefix(token, good[:strings.LastIndexByte(good, '.')])) {
			t.Errorf("%q is taken for %+v", token, pod)
		}
		if err != nil && !errors.Is(err, ErrToken) && !errors.Is(err, ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
}

func FuzzKeys(f *testing.F) {
	data, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{ecKey(f, "e").public()}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"keys":[{"kty":"oct","kid":"a","k":"AA"}]}`))
	f.Add([]byte(`{"keys":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := parseKeys(kube.Issuer{Name: issuer, Keys: data}, now)
		if err != nil {
			return
		}
		for id, key := range set.keys {
			if id == "" || !key.IsPublic() {
				t.Errorf("%q is no public key", id)
			}
		}
	})
}
