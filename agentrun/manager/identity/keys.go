package identity

import (
	"context"
	"errors"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/pikasTech/agentrun/internal/kube"
)

// maxKeys is more than a cluster has.
const maxKeys = 100

// keySet is what the API server said of its keys.
type keySet struct {
	issuer string
	keys   map[string]jose.JSONWebKey // by their id
	at     time.Time
}

// parseKeys reads the keys that signatures can be checked with, and leaves out what it
// does not know.
func parseKeys(issuer kube.Issuer, at time.Time) (*keySet, error) {
	var doc struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(issuer.Keys, &doc); err != nil || len(doc.Keys) > maxKeys {
		return nil, errors.New("reading the cluster's keys: they are no key set")
	}
	set := &keySet{issuer.Name, map[string]jose.JSONWebKey{}, at}
	for _, raw := range doc.Keys {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(raw); err != nil {
			continue
		}
		if key.IsPublic() && key.Valid() && key.KeyID != "" && (key.Use == "" || key.Use == "sig") {
			set.keys[key.KeyID] = key
		}
	}
	if len(set.keys) == 0 {
		return nil, errors.New("reading the cluster's keys: there is none")
	}
	return set, nil
}

// key is the key of that id, and the set that it is of. Only who names a key that is not
// known waits for the cluster.
func (v *Verifier) key(ctx context.Context, id string) (jose.JSONWebKey, *keySet, error) {
	if set := v.keys.Load(); set != nil {
		if key, ok := set.keys[id]; ok {
			if v.Now().Sub(set.at) > v.MaxAge {
				set, key = v.renew(ctx, set, key)
			}
			if key.Key != nil {
				return key, set, nil
			}
		}
	}
	select {
	case v.asking <- struct{}{}:
		defer func() { <-v.asking }()
	case <-ctx.Done():
		return jose.JSONWebKey{}, nil, unavailable(context.Cause(ctx))
	}
	set := v.keys.Load() // by now another one may have asked
	if set == nil || set.keys[id].Key == nil {
		var err error
		if set, err = v.fetch(ctx); err != nil {
			return jose.JSONWebKey{}, nil, unavailable(err)
		}
	}
	key, ok := set.keys[id]
	if !ok {
		return key, nil, refuse("it is signed with a key that the cluster does not have")
	}
	return key, set, nil
}

// renew asks for newer keys, unless another one is doing that. While there are none the
// old ones are good; with them, the key may be gone.
func (v *Verifier) renew(ctx context.Context, old *keySet, key jose.JSONWebKey) (*keySet, jose.JSONWebKey) {
	select {
	case v.asking <- struct{}{}:
		defer func() { <-v.asking }()
	default:
		return old, key
	}
	set, err := v.fetch(ctx)
	if err != nil {
		return old, key
	}
	return set, set.keys[key.KeyID]
}

// errSoon is that the cluster was asked a moment ago.
var errSoon = errors.New("the cluster was asked for its keys a moment ago")

// fetch asks for the keys, never before Pause is over; v.asking is held.
func (v *Verifier) fetch(ctx context.Context) (*keySet, error) {
	now := v.Now()
	if !v.asked.IsZero() && now.Sub(v.asked).Abs() < v.Pause {
		return nil, errSoon
	}
	v.asked = now
	// For everybody, not for the one who asked first and may leave.
	issuer, err := v.Kube.Issuer(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	set, err := parseKeys(issuer, now)
	if err != nil {
		return nil, err
	}
	v.keys.Store(set)
	return set, nil
}
