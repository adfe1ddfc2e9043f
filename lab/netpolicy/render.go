// Package netpolicy is a test aid: it makes the network policies of the lab's one
// node hold, so that tests can find out what a policy really lets through. It is
// no part of a release, and a real cluster does this itself.
//
// Everything is rendered into one nft table, from all policies and the pods with
// their addresses: pod and namespace selectors, address blocks with exceptions,
// ports, port ranges and named ports, in both directions, IPv4 only. Replies pass;
// everything else is judged packet by packet, so a connection that a new policy
// denies ends too. The node may reach every pod and every pod itself, as Kubernetes
// wants, and pods on the node's network are not policed. A pod is policed from the moment
// that its address is known, which is a moment after it starts.
package netpolicy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Table is the name of the nft table.
const Table = "agentrun-lab-policy"

// Render is the nft script that replaces the table. The same cluster gives the
// same text.
func Render(policies []*networkingv1.NetworkPolicy, namespaces []*corev1.Namespace, pods []*corev1.Pod) string {
	c := newCluster(namespaces, pods)
	policies = slices.SortedFunc(slices.Values(policies), func(a, b *networkingv1.NetworkPolicy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	var chains strings.Builder
	var from, to []string
	for _, pod := range c.pods {
		in, out := c.rules(pod, policies)
		name := strings.ReplaceAll(pod.Status.PodIP, ".", "-")
		for _, d := range []struct {
			prefix, peer string
			rules        []string
			jumps        *[]string
		}{{"to-", "saddr", in, &to}, {"from-", "daddr", out, &from}} {
			if d.rules == nil {
				continue // not isolated in this direction
			}
			*d.jumps = append(*d.jumps, fmt.Sprintf("%s : jump %s%s", pod.Status.PodIP, d.prefix, name))
			fmt.Fprintf(&chains, "\t# %s/%s\n\tchain %s%s {\n", pod.Namespace, pod.Name, d.prefix, name)
			fmt.Fprintf(&chains, "\t\tip %s %s return comment \"itself\"\n", d.peer, pod.Status.PodIP)
			for _, rule := range d.rules {
				fmt.Fprintf(&chains, "\t\t%s\n", strings.TrimSpace(rule+" return"))
			}
			chains.WriteString("\t\tcounter drop\n\t}\n")
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %[1]s\ndelete table inet %[1]s\ntable inet %[1]s {\n%[2]s", Table, chains.String())
	b.WriteString("\tchain pods {\n\t\tct direction reply ct state established,related accept\n")
	for _, m := range []struct {
		field string
		jumps []string
	}{{"saddr", from}, {"daddr", to}} {
		if len(m.jumps) > 0 {
			fmt.Fprintf(&b, "\t\tip %s vmap { %s }\n", m.field, strings.Join(m.jumps, ", "))
		}
	}
	b.WriteString("\t}\n")
	for _, hook := range []string{"forward", "input"} {
		fmt.Fprintf(&b, "\tchain %[1]s {\n\t\ttype filter hook %[1]s priority filter; policy accept;\n\t\tjump pods\n\t}\n", hook)
	}
	b.WriteString("}\n")
	return b.String()
}

// cluster is the pods that have an address of their own, and the labels of
// namespaces.
type cluster struct {
	pods       []*corev1.Pod
	namespaces map[string]labels.Set
}

func newCluster(namespaces []*corev1.Namespace, pods []*corev1.Pod) cluster {
	c := cluster{namespaces: map[string]labels.Set{}}
	for _, n := range namespaces {
		c.namespaces[n.Name] = n.Labels
	}
	for _, p := range pods {
		over := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
		if !p.Spec.HostNetwork && p.Status.PodIP != "" && !over {
			c.pods = append(c.pods, p)
		}
	}
	slices.SortFunc(c.pods, func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return c
}

// rules are what may come in to a pod and go out of it; nil means that no policy
// isolates the pod in that direction.
func (c cluster) rules(pod *corev1.Pod, policies []*networkingv1.NetworkPolicy) (in, out []string) {
	for _, p := range policies {
		if p.Namespace != pod.Namespace || !matches(&p.Spec.PodSelector, pod.Labels) {
			continue
		}
		if directed(p, networkingv1.PolicyTypeIngress) {
			in = append([]string{}, in...)
			for _, rule := range p.Spec.Ingress {
				in = append(in, c.allow("saddr", p.Namespace, rule.From, rule.Ports, pod)...)
			}
		}
		if directed(p, networkingv1.PolicyTypeEgress) {
			out = append([]string{}, out...)
			for _, rule := range p.Spec.Egress {
				out = append(out, c.allow("daddr", p.Namespace, rule.To, rule.Ports, nil)...)
			}
		}
	}
	return in, out
}

// directed reports whether a policy is about a direction, also when it leaves its
// types out.
func directed(p *networkingv1.NetworkPolicy, direction networkingv1.PolicyType) bool {
	if len(p.Spec.PolicyTypes) > 0 {
		return slices.Contains(p.Spec.PolicyTypes, direction)
	}
	return direction == networkingv1.PolicyTypeIngress || len(p.Spec.Egress) > 0
}

// matches is false for a selector that cannot be understood; the API server lets
// none through.
func matches(s *metav1.LabelSelector, set labels.Set) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(set)
}
