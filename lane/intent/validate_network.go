package intent

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"k8s.io/apimachinery/pkg/util/validation"
)

// cidr looks at a network written with its own address.
func (v *validator) cidr(at jsontext.Pointer, s string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		v.add(at, "D1", "write a CIDR such as 10.0.7.0/24", "%s is no CIDR", v.quote(s))
	case p.Masked() != p:
		v.add(at, "D1", "write "+p.Masked().String(), "%s is an address within a network, not the network", v.quote(s))
	}
	return p, err == nil
}

func (v *serviceValidator) flows() {
	for _, direction := range []struct {
		name  string
		flows []Flow
	}{{"ingress", v.s.Network.Ingress}, {"egress", v.s.Network.Egress}} {
		for i, f := range direction.flows {
			v.flow(element(member(v.at, "network", direction.name), i), direction.name == "egress", f)
		}
	}
}

// flow looks at one allowed peer. What leads to ports of this lane can be
// narrowed to ports that are declared; what leads outside names its ports.
func (v *serviceValidator) flow(at jsontext.Pointer, egress bool, f Flow) {
	v.oneOf(at, "the flow", source{"service", f.Service != ""}, source{"cidr", f.CIDR != ""}, source{"dns", f.DNS})
	if len(f.Except) > 0 && f.CIDR == "" {
		v.add(member(at, "except"), "D1", "remove it", "only a cidr has exceptions")
	}
	listener := v.s // whose ports the flow leads to; nil when outside the lane
	if egress {
		listener = nil
	}
	if f.Service != "" {
		if peer, ok := v.serviceRef(member(at, "service"), f.Service, ""); ok && egress {
			listener = peer
		}
	}
	if f.CIDR != "" {
		v.flowCIDR(at, egress, f)
	}
	if f.DNS && !egress {
		v.add(member(at, "dns"), "D1", "remove it", "no resolver asks a service")
	}
	if f.DNS && len(f.Ports) > 0 {
		v.add(member(at, "ports"), "D1", "remove it: DNS has its own", "a dns flow has ports")
	}
	v.flowPorts(member(at, "ports"), f.Ports, listener)
}

func (v *serviceValidator) flowCIDR(at jsontext.Pointer, egress bool, f Flow) {
	outer, ok := v.cidr(member(at, "cidr"), f.CIDR)
	if ok && !egress && outer.Bits() == 0 {
		v.add(member(at, "cidr"), "A6", "name the network that may call; a public entry is declared as `ingress`, a placeholder", "the whole world may call the service")
	}
	if egress && len(f.Ports) == 0 {
		v.add(at, "D1", "list in `ports` what is called there", "a flow to a cidr names no port")
	}
	for i, e := range f.Except {
		inner, ok2 := v.cidr(element(member(at, "except"), i), e)
		if ok && ok2 && (inner.Bits() <= outer.Bits() || !outer.Contains(inner.Addr())) {
			v.add(element(member(at, "except"), i), "D1", "name a part of the cidr", "%s is not within %s", v.quote(e), v.quote(f.CIDR))
		}
	}
}

func (v *serviceValidator) flowPorts(at jsontext.Pointer, ports []int, listener *Service) {
	v.distinct("port", len(ports), func(i int) string { return strconv.Itoa(ports[i]) }, func(i int) jsontext.Pointer { return element(at, i) })
	for i, port := range ports {
		at := element(at, i)
		switch {
		case port < 1 || port > 65535:
			v.add(at, "D1", "write 1 to 65535", "port %d is out of range", port)
		case listener != nil && !slices.ContainsFunc(listener.Ports, func(p Port) bool { return p.Port == port }):
			v.add(at, "D1", "name one of the service's ports", "the service %s has no port %d", v.quote(listener.ID), port)
		}
	}
	if listener != nil && len(listener.Ports) == 0 {
		v.add(at.Parent(), "D1", "declare the port, or remove the flow", "the flow leads to %s, which has no port", v.quote(listener.ID))
	}
}

// ingress looks at the placeholder for a public entry (rule A6).
func (v *serviceValidator) ingress() {
	in := v.s.Ingress
	if in == nil {
		return
	}
	at := member(v.at, "ingress")
	if len(validation.IsDNS1123Subdomain(in.Host)) > 0 || !strings.Contains(in.Host, ".") {
		v.add(member(at, "host"), "A6", "write a host name such as app.example.com", "%s is no host name", v.quote(in.Host))
	}
	if !slices.ContainsFunc(v.s.Ports, func(p Port) bool { return p.Name == in.Port }) {
		v.add(member(at, "port"), "A6", "write the name of one of the service's ports", "the service has no port %s", v.quote(in.Port))
	}
	v.line(member(at, "note"), in.Note)
}
