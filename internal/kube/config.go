package kube

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/pikasTech/agentrun/internal/fail"
)

const hintNoConfig = "name a kubeconfig with --kubeconfig or KUBECONFIG (k3s keeps one at /etc/rancher/k3s/k3s.yaml)"

// origin is where a configuration comes from.
type origin struct {
	context   string // "" in a pod
	namespace string // the one to work in
}

// podNamespace is where Kubernetes tells a pod its namespace.
const podNamespace = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// config is how to reach the server, and where that comes from.
func config(o Options) (*rest.Config, origin, error) {
	if o.InCluster {
		cfg, err := rest.InClusterConfig()
		if err != nil {
			return nil, origin{}, &fail.Error{Code: fail.Failed, Hint: "run it in a pod with a ServiceAccount token, or use a kubeconfig", Err: fmt.Errorf("reading the pod's account: %w", err)}
		}
		namespace, err := os.ReadFile(podNamespace)
		if err != nil {
			return nil, origin{}, &fail.Error{Code: fail.Failed, Hint: "let Kubernetes mount the ServiceAccount's token", Err: fmt.Errorf("reading the pod's namespace: %w", err)}
		}
		return cfg, origin{namespace: strings.TrimSpace(string(namespace))}, nil
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	rules.WarnIfAllMissing = false
	where := o.files()
	raw, err := rules.Load()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, origin{}, fail.Fail(where, hintNoConfig, "there is no such kubeconfig")
	case errors.Is(err, fs.ErrPermission):
		return nil, origin{}, fail.Fail(where, "let this user read it, or name another with --kubeconfig", "the kubeconfig cannot be read: permission denied")
	case err != nil:
		return nil, origin{}, badConfig(o, err)
	}
	name := o.Context
	if name == "" {
		name = raw.CurrentContext
	}
	known := slices.Sorted(maps.Keys(raw.Contexts))
	if len(known) == 0 {
		return nil, origin{}, fail.Fail(where, hintNoConfig, "there is no kubeconfig with a context")
	}
	if _, ok := raw.Contexts[name]; !ok {
		hint := "name a context with --context: " + fail.Clean(strings.Join(known, ", "), 200)
		if name == "" {
			return nil, origin{}, fail.Fail(where, hint, "the kubeconfig has no current context")
		}
		return nil, origin{}, fail.Fail(where, hint, "the kubeconfig has no context %q", fail.Clean(name, 80))
	}
	loaded := clientcmd.NewNonInteractiveClientConfig(*raw, name, &clientcmd.ConfigOverrides{}, rules)
	cfg, err := loaded.ClientConfig()
	if err != nil {
		return nil, origin{}, badConfig(o, err)
	}
	namespace, _, err := loaded.Namespace()
	if err != nil {
		return nil, origin{}, badConfig(o, err)
	}
	return cfg, origin{fail.Clean(name, 80), namespace}, nil
}

// files is where the kubeconfig was looked for.
func (o Options) files() string {
	switch {
	case o.InCluster:
		return "the pod's account"
	case o.Kubeconfig != "":
		return o.Kubeconfig
	case os.Getenv(clientcmd.RecommendedConfigPathEnvVar) != "":
		return os.Getenv(clientcmd.RecommendedConfigPathEnvVar)
	}
	return "~/.kube/config"
}

func badConfig(o Options, err error) error {
	return fail.Fail(o.files(), "mend the kubeconfig, or name another with --kubeconfig", "the kubeconfig cannot be used: %s", clean(err.Error()))
}

// bounded ends answers that do not end by themselves, except a watch's.
func bounded(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil && req.URL.Query().Get("watch") == "" {
			resp.Body = &boundedBody{resp.Body, maxBody}
		}
		return resp, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

type boundedBody struct {
	io.ReadCloser
	left int64
}

var errTooLarge = fmt.Errorf("the answer does not end within %d MiB", maxBody>>20)

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}
