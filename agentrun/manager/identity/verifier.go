package identity

import (
	"context"
	"crypto/sha256"
	"sync/atomic"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/pikasTech/agentrun/internal/kube"
)

// Config is what a Verifier needs.
type Config struct {
	Kube      *kube.Client // may read the cluster's issuer, and get pods in Namespace
	Namespace string       // of the runners

	// Account is the runners' ServiceAccount, as the Job template has it now. It is
	// asked for each token; its error is ErrUnavailable.
	Account func() (string, error)

	MaxAge time.Duration    // of keys; an hour, as the API server allows, unless it is more than 0
	Pause  time.Duration    // between two questions for keys; ten seconds unless it is more than 0
	Now    func() time.Time // time.Now unless it is set
}

// Verifier checks runners' tokens. New makes one, which many may use at once.
type Verifier struct {
	Config
	keys   atomic.Pointer[keySet] // nil before the first answer
	asking chan struct{}          // held while asked is used
	asked  time.Time              // when the cluster was asked last
	proved proved
}

// New makes a Verifier, which asks for nothing yet.
func New(c Config) *Verifier {
	if c.MaxAge <= 0 {
		c.MaxAge = time.Hour
	}
	if c.Pause <= 0 {
		c.Pause = 10 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Verifier{Config: c, asking: make(chan struct{}, 1)}
}

// Verify says whose pod a token is of. It is ErrToken or ErrUnavailable when it does
// not, and asks nobody while it has the key.
func (v *Verifier) Verify(ctx context.Context, token string) (Pod, error) {
	now := v.Now()
	hash := sha256.Sum256([]byte(token))
	set := v.keys.Load()
	var c claims
	known := false
	if set != nil && now.Sub(set.at) <= v.MaxAge {
		c, known = v.proved.get(set, hash)
	}
	if !known {
		t, header, err := parse(token)
		if err != nil {
			return Pod{}, err
		}
		var key jose.JSONWebKey
		if key, set, err = v.key(ctx, header.KeyID); err != nil {
			return Pod{}, err
		}
		if c, err = read(t, header, key); err != nil {
			return Pod{}, err
		}
		v.proved.put(set, hash, c)
	}
	account, err := v.Account()
	if err != nil {
		return Pod{}, unavailable(err)
	}
	return c.check(set.issuer, v.Namespace, account, now)
}
