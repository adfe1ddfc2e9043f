package main

import (
	"fmt"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/publish"
)

// lane is an intent of count services, each of which renders to a
// ServiceAccount, a Deployment, a Service and a NetworkPolicy, and its catalog.
func lane(count int) (*intent.Intent, names.Names, *catalog.Catalog, error) {
	in := &intent.Intent{
		APIVersion: intent.APIVersion, Kind: intent.Kind, Project: "shop", Lane: "v0.3",
		Cluster:  intent.Cluster{Name: "k7", Host: "K7", WorktreeRoot: "/srv"},
		Registry: intent.Registry{Address: "registry.k7.example:5000"},
		CI:       intent.CI{Namespace: "shop-ci"},
	}
	for i := range count {
		id := fmt.Sprintf("service-%04d", i)
		in.ServiceAccounts = append(in.ServiceAccounts, intent.ServiceAccount{Name: id})
		in.Services = append(in.Services, intent.Service{
			ID: id, Kind: intent.Deployment, Enabled: true, Build: intent.Build{Go: "./cmd/" + id},
			Replicas: new(2), ServiceAccount: id,
			Ports:  []intent.Port{{Name: "http", Port: 8080}, {Name: "metrics", Port: 9090}},
			Health: &intent.Health{Live: "/healthz", Ready: "/readyz"},
			Env: []intent.Env{
				{Name: "ORDERS_URL", SecretRef: &intent.KeyRef{Name: "shop-v03-orders", Key: "ORDERS_URL"}},
				{Name: "COMMIT", ReleaseRef: intent.ReleaseSourceCommit},
				{Name: "DIGEST", ReleaseRef: intent.ReleaseImageDigest},
			},
			Volumes: []intent.Volume{{MountPath: "/tmp", EmptyDir: &intent.EmptyDir{SizeLimit: "64Mi"}}},
			Network: intent.Network{
				Ingress: []intent.Flow{{CIDR: "10.42.0.0/16", Ports: []int{8080}}},
				Egress:  []intent.Flow{{DNS: true}, {CIDR: "10.0.0.0/8", Ports: []int{5432}}},
			},
		})
	}
	n, err := in.Names()
	if err != nil {
		return nil, n, nil, err
	}
	const commit = "0123456789abcdef0123456789abcdef01234567"
	c := catalog.Empty(n, commit, canon.Digest(nil))
	for _, s := range in.Services {
		c.Services = append(c.Services, catalog.Service{
			ServiceID: s.ID, Status: catalog.Published, SourceCommitID: commit, ComponentIdentity: canon.Digest([]byte(s.ID)),
			Image: catalog.Image{Repository: n.Repository(s.ID), Tag: commit, Digest: canon.Digest([]byte("image of " + s.ID)), MediaType: publish.MediaType},
		})
	}
	return in, n, c, nil
}
