package cluster

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
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
		DNSAddress:   NodeIP,
		Config: func(ctx context.Context) (*rest.Config, error) {
			api, err := l.component("apiserver")
			if err != nil {
				return nil, err
			}
			if err := poll(ctx, "waiting for the API server", func() error { return l.check(ctx, api) }); err != nil {
				return nil, err
			}
			config, err := l.restConfig(hostName)
			if err != nil {
				return nil, err
			}
			// The roles come a little after the server.
			return config, poll(ctx, "waiting for the roles", func() error { return mayRead(ctx, config) })
		},
	}.Run(ctx)
}

// mayRead says why the test aids cannot read what they follow.
func mayRead(ctx context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	one := metav1.ListOptions{Limit: 1}
	_, err = client.NetworkingV1().NetworkPolicies("").List(ctx, one)
	if err == nil {
		_, err = client.CoreV1().PersistentVolumes().List(ctx, one)
	}
	return err
}
