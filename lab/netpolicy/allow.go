package netpolicy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// allow is the nft matches of one rule of a policy: every peer with every port.
// The field is saddr or daddr, where the peer is. Named ports are those of the
// pod that the traffic goes to: target, or without one each peer.
func (c cluster) allow(field, namespace string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort, target *corev1.Pod) []string {
	if len(ports) == 0 {
		return c.peers(field, namespace, peers, c.pods, "")
	}
	var rules []string
	for _, port := range ports {
		protocol := "tcp"
		if port.Protocol != nil {
			protocol = strings.ToLower(string(*port.Protocol))
		}
		switch {
		case port.Port == nil:
			rules = append(rules, c.peers(field, namespace, peers, c.pods, "meta l4proto "+protocol)...)
		case port.Port.Type == intstr.Int:
			match := fmt.Sprintf("%s dport %d", protocol, port.Port.IntVal)
			if port.EndPort != nil {
				match += fmt.Sprintf("-%d", *port.EndPort)
			}
			rules = append(rules, c.peers(field, namespace, peers, c.pods, match)...)
		case target != nil:
			for _, number := range named(target, port.Port.StrVal, protocol) {
				rules = append(rules, c.peers(field, namespace, peers, c.pods, fmt.Sprintf("%s dport %d", protocol, number))...)
			}
		default:
			rules = append(rules, c.namedPeers(field, namespace, peers, port.Port.StrVal, protocol)...)
		}
	}
	return rules
}

// namedPeers allows a port by its name on each pod that has one of that name.
func (c cluster) namedPeers(field, namespace string, peers []networkingv1.NetworkPolicyPeer, name, protocol string) []string {
	var rules []string
	for _, pod := range c.pods {
		for _, number := range named(pod, name, protocol) {
			match := fmt.Sprintf("%s dport %d", protocol, number)
			if len(peers) == 0 {
				rules = append(rules, fmt.Sprintf("ip %s %s %s", field, pod.Status.PodIP, match))
				continue
			}
			for _, peer := range peers {
				if c.selects(peer, namespace, pod) {
					rules = append(rules, fmt.Sprintf("ip %s %s %s", field, pod.Status.PodIP, match))
					break
				}
			}
		}
	}
	return rules
}

// peers is one match for each peer; peers that select nobody give none.
func (c cluster) peers(field, namespace string, peers []networkingv1.NetworkPolicyPeer, pods []*corev1.Pod, port string) []string {
	if len(peers) == 0 {
		return []string{port}
	}
	var rules []string
	for _, peer := range peers {
		match := block(field, peer.IPBlock)
		if peer.IPBlock == nil {
			var addresses []string
			for _, pod := range pods {
				if c.selects(peer, namespace, pod) {
					addresses = append(addresses, pod.Status.PodIP)
				}
			}
			if len(addresses) > 0 {
				slices.Sort(addresses)
				match = fmt.Sprintf("ip %s { %s }", field, strings.Join(addresses, ", "))
			}
		}
		if match != "" {
			rules = append(rules, strings.TrimSpace(match+" "+port))
		}
	}
	return rules
}

// selects reports whether a peer, of a policy in namespace, means a pod.
func (c cluster) selects(peer networkingv1.NetworkPolicyPeer, namespace string, pod *corev1.Pod) bool {
	if peer.IPBlock != nil {
		return within(peer.IPBlock, pod.Status.PodIP)
	}
	if peer.NamespaceSelector == nil {
		if pod.Namespace != namespace {
			return false
		}
	} else if set, known := c.namespaces[pod.Namespace]; !known || !matches(peer.NamespaceSelector, set) {
		return false
	}
	return peer.PodSelector == nil || matches(peer.PodSelector, pod.Labels)
}

func within(b *networkingv1.IPBlock, ip string) bool {
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	contains := func(cidr string) bool {
		prefix, err := netip.ParsePrefix(cidr)
		return err == nil && prefix.Contains(address)
	}
	return contains(b.CIDR) && !slices.ContainsFunc(b.Except, contains)
}

// block is the match of an address block; empty when it is not IPv4.
func block(field string, b *networkingv1.IPBlock) string {
	if b == nil {
		return ""
	}
	prefix, err := netip.ParsePrefix(b.CIDR)
	if err != nil || !prefix.Addr().Is4() {
		return ""
	}
	match := "meta nfproto ipv4"
	if prefix.Bits() > 0 { // nft has no match for all addresses
		match = fmt.Sprintf("ip %s %s", field, prefix.Masked())
	}
	for _, except := range b.Except {
		if e, err := netip.ParsePrefix(except); err == nil && e.Addr().Is4() {
			match += fmt.Sprintf(" ip %s != %s", field, e.Masked())
		}
	}
	return match
}

// named are the numbers of a pod's ports of that name.
func named(pod *corev1.Pod, name, protocol string) []int32 {
	var numbers []int32
	containers := slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers)
	for _, container := range containers {
		for _, port := range container.Ports {
			has := strings.ToLower(string(port.Protocol))
			if has == "" {
				has = "tcp"
			}
			if port.Name == name && has == protocol && !slices.Contains(numbers, port.ContainerPort) {
				numbers = append(numbers, port.ContainerPort)
			}
		}
	}
	return numbers
}
