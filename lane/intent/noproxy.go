package intent

import (
	"net"
	"slices"
)

// directDomains are what every lane reaches without the proxy (rule B3), beside
// the cluster's service CIDR.
var directDomains = []string{"hyueapi.com", ".hyueapi.com", ".svc.cluster.local"}

// NoProxy is the list for NO_PROXY in the pipeline's pods (rule B3): what the
// intent declares, then loopback and the registry, through which a push would
// otherwise leave the machine. It is nil when there is no proxy.
func (in *Intent) NoProxy() []string {
	if in.CI.Proxy == "" {
		return nil
	}
	list := slices.Clone(in.CI.NoProxy)
	also := []string{"localhost", "127.0.0.1", "::1"}
	if host, _, err := net.SplitHostPort(in.Registry.Address); err == nil {
		also = append(also, host)
	}
	for _, host := range also {
		if !slices.Contains(list, host) {
			list = append(list, host)
		}
	}
	return list
}
