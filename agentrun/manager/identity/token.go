package identity

import (
	"errors"
	"fmt"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Audience is whom the tokens are for: no other service takes them, and the manager
// takes no others.
const Audience = "agentrun-manager"

// The labels of an attempt's Job and its pods.
const (
	RunLabel     = "agentrun.dev/run"
	AttemptLabel = "agentrun.dev/attempt"
)

var (
	// ErrToken refuses a token for good.
	ErrToken = errors.New("the token is not one of a runner's pod")
	// ErrUnavailable is that nobody can say now.
	ErrUnavailable = errors.New("tokens cannot be checked now")
)

// Pod is the pod that a token is bound to.
type Pod struct {
	Namespace      string
	ServiceAccount string
	Name           string
	UID            string
}

// maxToken is several times what a token of Kubernetes has.
const maxToken = 16 << 10

// leeway is how far the clocks of the API server and of this machine may be apart.
const leeway = time.Minute

// algorithms are those that Kubernetes signs with. There is no symmetric one among
// them: a public key must never become a shared secret.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512}

// claims are what a token says.
type claims struct {
	jwt.Claims
	Kubernetes struct {
		Namespace      string `json:"namespace"`
		ServiceAccount ref    `json:"serviceaccount"`
		Pod            ref    `json:"pod"`
	} `json:"kubernetes.io"`
}

type ref struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

func refuse(why string) error { return fmt.Errorf("%w: %s", ErrToken, why) }

// parse reads a token's form; nothing of it is believed yet.
func parse(token string) (*jwt.JSONWebToken, jose.Header, error) {
	if len(token) > maxToken {
		return nil, jose.Header{}, refuse("it is too long")
	}
	if strings.ContainsAny(token, " \t\r\n") { // the library would leave them out
		return nil, jose.Header{}, refuse("it has spaces in it")
	}
	t, err := jwt.ParseSigned(token, algorithms)
	if err != nil || len(t.Headers) != 1 {
		return nil, jose.Header{}, refuse("it is no token that Kubernetes signs") // the library's error quotes it
	}
	if t.Headers[0].KeyID == "" {
		return nil, jose.Header{}, refuse("it names no key")
	}
	return t, t.Headers[0], nil
}

// read gives what a token says once key has proved it.
func read(t *jwt.JSONWebToken, header jose.Header, key jose.JSONWebKey) (claims, error) {
	var c claims
	if key.Algorithm != "" && key.Algorithm != header.Algorithm {
		return c, refuse("its key is for another algorithm")
	}
	if err := t.Claims(key.Key, &c); err != nil {
		return c, refuse("its signature is not that of its key")
	}
	return c, nil
}

// check compares what a token says with what it must say.
func (c claims) check(issuer, namespace, account string, now time.Time) (Pod, error) {
	k := c.Kubernetes
	if c.Expiry == nil || c.NotBefore == nil || c.IssuedAt == nil {
		return Pod{}, refuse("it says not how long it is good")
	}
	err := c.ValidateWithLeeway(jwt.Expected{AnyAudience: jwt.Audience{Audience}, Time: now}, leeway)
	switch {
	case issuer == "" || c.Issuer != issuer:
		return Pod{}, refuse("another cluster issued it")
	case errors.Is(err, jwt.ErrInvalidAudience):
		return Pod{}, refuse("it is for others")
	case errors.Is(err, jwt.ErrExpired):
		return Pod{}, refuse("it has expired")
	case err != nil:
		return Pod{}, refuse("it is not good yet")
	case namespace == "" || k.Namespace != namespace:
		return Pod{}, refuse("it is of another namespace")
	case account == "" || k.ServiceAccount.Name != account || c.Subject != "system:serviceaccount:"+namespace+":"+account:
		return Pod{}, refuse("it is of another ServiceAccount")
	case k.Pod.Name == "" || k.Pod.UID == "":
		return Pod{}, refuse("it is bound to no pod")
	}
	return Pod{k.Namespace, k.ServiceAccount.Name, k.Pod.Name, k.Pod.UID}, nil
}
