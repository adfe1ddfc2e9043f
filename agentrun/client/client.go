package client

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client is how to reach one manager. Its methods may be called concurrently.
type Client struct {
	base  *url.URL // without a final slash
	token string

	// Project is the project that is asked about. "" is the token's own; tokens for
	// administration have none.
	Project string

	// HTTP carries the requests. It does not follow redirections.
	HTTP *http.Client

	// Patience is how long a request that fails for a while is sent again, and how
	// long Watch goes on without a connection. With 0 nothing is sent twice.
	Patience time.Duration

	// Waiting, when it is set, is told why something is tried again and in how long.
	Waiting func(why error, wait time.Duration)
}

// New is a client of the manager at address, an http:// or https:// URL that may
// have a path, and of the API token.
func New(address, token string) (*Client, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, errors.New("the manager's address is not a URL")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("the manager's address is not an http:// or https:// URL")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the manager's address has a user, a query or a fragment, which it must not have")
	case token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("the API token is empty or is not one word of plain characters")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = answerTime
	return &Client{base: u, token: token, HTTP: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Address is where the manager is.
func (c *Client) Address() string { return c.base.String() }
