package render

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/intent"
)

func bothDirections() []networkingv1.PolicyType {
	return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
}

// policy allows a service's declared flows. The pods of a job template carry the
// same label, so it selects them too.
func (r *renderer) policy(s intent.Service) (object, error) {
	p := &networkingv1.NetworkPolicy{
		TypeMeta: kind("networking.k8s.io/v1", "NetworkPolicy"), ObjectMeta: r.meta(s.ID, componentOf(s)),
		Spec: networkingv1.NetworkPolicySpec{PodSelector: *selector(s.ID), PolicyTypes: bothDirections()},
	}
	for _, f := range s.Network.Ingress {
		ports, err := flowPorts(f, s)
		if err != nil {
			return nil, err
		}
		p.Spec.Ingress = append(p.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: r.peers(f), Ports: ports})
	}
	for _, f := range s.Network.Egress {
		ports, err := flowPorts(f, r.services[f.Service])
		if err != nil {
			return nil, err
		}
		p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: r.peers(f), Ports: ports})
	}
	return p, nil
}

func componentOf(s intent.Service) string {
	if s.Kind == intent.JobTemplate {
		return componentJob
	}
	return componentPod
}

// peers are the other end of a flow.
func (r *renderer) peers(f intent.Flow) []networkingv1.NetworkPolicyPeer {
	switch {
	case f.Service != "":
		return []networkingv1.NetworkPolicyPeer{{PodSelector: selector(f.Service)}}
	case f.DNS:
		peers := []networkingv1.NetworkPolicyPeer{{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: metav1.NamespaceSystem}},
			PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"k8s-app": "kube-dns"}},
		}}
		for _, cidr := range r.in.Cluster.DNS {
			peers = append(peers, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: cidr}})
		}
		return peers
	}
	return []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: f.CIDR, Except: f.Except}}}
}

// flowPorts are the flow's own ports, or those that server listens on. A rule
// without ports would allow every one, so it is refused.
func flowPorts(f intent.Flow, server intent.Service) ([]networkingv1.NetworkPolicyPort, error) {
	port := func(protocol corev1.Protocol, number int) networkingv1.NetworkPolicyPort {
		return networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: new(intstr.FromInt(number))}
	}
	if f.DNS {
		return []networkingv1.NetworkPolicyPort{port(corev1.ProtocolUDP, 53), port(corev1.ProtocolTCP, 53)}, nil
	}
	var ports []networkingv1.NetworkPolicyPort
	for _, number := range f.Ports {
		ports = append(ports, port(corev1.ProtocolTCP, number))
	}
	if len(ports) == 0 {
		for _, p := range server.Ports {
			ports = append(ports, port(corev1.ProtocolTCP, p.Port))
		}
	}
	if len(ports) == 0 {
		return nil, fail.Refuse("D1", intent.Path, "name the ports of the flow", "the flow with %s%s has no port", f.Service, f.CIDR)
	}
	return ports, nil
}
