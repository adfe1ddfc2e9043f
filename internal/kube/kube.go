// Package kube is the only place that talks to a cluster's API server. It gets,
// lists, watches, creates, applies, merges and deletes objects of whatever
// resource the caller names, reads logs and events, and says what the server
// serves.
//
// The cluster is the one that a kubeconfig names: that of the options, else of
// KUBECONFIG, else ~/.kube/config. A pod's own account is used only when it is
// asked for. Nothing is retried that was not read; every request has a time
// limit, every answer a size limit, and lists a limit of objects. Of Secrets the
// package can list the names and labels without their values (Metadata); whoever
// calls Get on one holds its values.
//
// Every error is a *fail.Error: what was asked, of which object, why not, and what
// to do. IsNotFound, IsNoResource and the like tell the kinds apart. What a server
// says is cleaned before it becomes part of an error; the fields of objects are
// not, so whoever prints them cleans them.
//
// What a program writes it writes as a field manager of its own, so that it can be
// told from what a hand wrote (rule H2). A Client may be used by many goroutines at
// once.
package kube

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/pikasTech/agentrun/internal/fail"
)

// Manager is the field manager of everything that lane writes, and of everybody who
// does not name another one.
const Manager = "lane"

// DefaultTimeout is how long one request may take.
const DefaultTimeout = 30 * time.Second

// Limits of what is read.
const (
	MaxObjects = 20_000   // of one list
	maxBody    = 64 << 20 // bytes of one answer
	pageSize   = 500
)

// Options say which cluster to talk to.
type Options struct {
	Kubeconfig string        // a file; "" is KUBECONFIG, else ~/.kube/config
	Context    string        // of the kubeconfig; "" is its current one
	InCluster  bool          // the account of the pod that this process runs in, and no kubeconfig
	Timeout    time.Duration // of one request; 0 is DefaultTimeout
	Manager    string        // field manager and user agent; "" is that of lane
	Later      bool          // Connect does not ask the server, which may be away; Version is then ""
}

// Client talks to one API server. It is made by Connect.
type Client struct {
	Server    string // its URL
	Context   string // the kubeconfig's context, "" in a pod
	Namespace string // the pod's, or that of the kubeconfig's context; "default" when they say none
	Version   string // of Kubernetes, such as v1.34.4; "" when the account may not ask

	// Patience is how long a watch goes on trying while the server is gone.
	Patience time.Duration

	manager string
	timeout time.Duration
	rest    rest.Interface
	dynamic dynamic.Interface
	http    *http.Client
}

// Connect reads the kubeconfig and asks the server for its version, so that a
// cluster that cannot be reached is told at once, unless o says Later.
func Connect(ctx context.Context, o Options) (*Client, error) {
	cfg, from, err := config(o)
	if err != nil {
		return nil, err
	}
	if o.Manager == "" {
		o.Manager = Manager
	}
	cfg.UserAgent = o.Manager
	cfg.QPS = -1    // no throttling by the client: the server has its own fairness
	cfg.Timeout = 0 // it would end watches; every request gets a time limit of its own
	cfg.WarningHandler = rest.NoWarnings{}
	cfg.Wrap(bounded)
	cfg = dynamic.ConfigFor(cfg)
	cfg.GroupVersion = &schema.GroupVersion{}
	cfg.APIPath = "/" // every request gives its whole path
	client, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, badConfig(o, err)
	}
	r, err := rest.RESTClientForConfigAndClient(cfg, client)
	if err != nil {
		return nil, badConfig(o, err)
	}
	c := &Client{
		Server: strings.TrimRight(cfg.Host, "/"), Context: from.context, Namespace: from.namespace, Patience: time.Minute,
		manager: o.Manager, timeout: o.Timeout, rest: r, dynamic: dynamic.New(r), http: client,
	}
	if c.timeout == 0 {
		c.timeout = DefaultTimeout
	}
	if o.Later {
		return c, nil
	}
	if err := c.askVersion(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close drops the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// askVersion finds out which Kubernetes it is. An account that may not ask is no
// error: it may still do what it is for.
func (c *Client) askVersion(ctx context.Context) error {
	data, err := c.raw(ctx, question{verb: "get", where: "/version"}, c.rest.Get().AbsPath("/version"))
	if IsForbidden(err) {
		return nil
	}
	if err != nil && !IsNotFound(err) {
		return err
	}
	var v struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := json.Unmarshal(data, &v); err != nil || v.GitVersion == "" { // a proxy, say, which knows no such page
		return fail.Fail(c.Server, "see whether the kubeconfig's server is a Kubernetes API server",
			"what answers at this address does not say which Kubernetes it is")
	}
	c.Version = fail.Clean(v.GitVersion, 40)
	return nil
}
