package cluster

import (
	"context"

	"k8s.io/client-go/rest"

	"github.com/pikasTech/agentrun/lab/host"
)

// Host runs the component that is this program: proxy, git and the test aids.
func (l *Lab) Host(ctx context.Context) error {
	return host.Host{
		Namespace:    l.Namespace(),
		ProxyAddress: Proxy,
		GitAddresses: []string{Git, NodeIP + ":3000"},
		GitRoot:      l.GitRoot(),
		GitUser:      GitUser,
		PasswordFile: l.GitPasswordFile(),
		Volumes:      l.path("data", "volumes"),
		Config: func(ctx context.Context) (*rest.Config, error) {
			api, err := l.component("apiserver")
			if err != nil {
				return nil, err
			}
			if err := poll(ctx, "waiting for the API server", func() error { return l.check(ctx, api) }); err != nil {
				return nil, err
			}
			return l.restConfig(hostName)
		},
	}.Run(ctx)
}
