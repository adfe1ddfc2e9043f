package kube

import (
	"context"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/internal/fail"
)

// Issuer is who signs the cluster's ServiceAccount tokens.
type Issuer struct {
	Name string // the tokens' iss
	Keys []byte // a JSON Web Key Set, as the server gave it
}

// Issuer asks the server for the issuer of ServiceAccount tokens and its public
// keys, which every ServiceAccount may read.
func (c *Client) Issuer(ctx context.Context) (Issuer, error) {
	const about, keys = "/.well-known/openid-configuration", "/openid/v1/jwks"
	data, err := c.raw(ctx, question{verb: "get", where: about}, c.rest.Get().AbsPath(about))
	if err != nil {
		return Issuer{}, err
	}
	var have struct {
		Issuer string `json:"issuer"`
	}
	if err := json.Unmarshal(data, &have); err != nil || have.Issuer == "" {
		return Issuer{}, fail.Fail(c.Server, "see whether the server has a --service-account-issuer", "the server does not name the issuer of ServiceAccount tokens")
	}
	// What the document says of where the keys are is for others: it may be an
	// address outside.
	data, err = c.raw(ctx, question{verb: "get", where: keys}, c.rest.Get().AbsPath(keys).SetHeader("Accept", "application/jwk-set+json"))
	if err != nil {
		return Issuer{}, err
	}
	return Issuer{Name: have.Issuer, Keys: data}, nil
}
