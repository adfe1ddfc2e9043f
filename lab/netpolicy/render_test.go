package netpolicy_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/lab/netpolicy"
)

func pod(namespace, name, ip string, ports ...corev1.ContainerPort) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": name}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Ports: ports}}},
		Status:     corev1.PodStatus{PodIP: ip, Phase: corev1.PodRunning},
	}
}

func world() ([]*corev1.Namespace, []*corev1.Pod) {
	host, over := pod("a", "host", "10.99.0.1"), pod("a", "over", "10.42.0.9")
	host.Spec.HostNetwork, over.Status.Phase = true, corev1.PodSucceeded
	return []*corev1.Namespace{
		{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"team": "a"}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "b", Labels: map[string]string{"team": "b"}}},
	}, []*corev1.Pod{
		pod("a", "web", "10.42.0.2", corev1.ContainerPort{Name: "http", ContainerPort: 8080}),
		pod("a", "db", "10.42.0.3", corev1.ContainerPort{Name: "sql", ContainerPort: 5432}, corev1.ContainerPort{Name: "sql", ContainerPort: 53, Protocol: "UDP"}),
		pod("b", "web", "10.42.0.4", corev1.ContainerPort{Name: "http", ContainerPort: 9090}),
		pod("b", "new", ""),
		host, over,
	}
}

// TestRender gives one policy each and looks at the chains of the pods.
func TestRender(t *testing.T) {
	for _, test := range []struct{ name, spec, want string }{
		{"no policy isolates nobody", "", ""},
		{
			"an empty ingress denies all", "podSelector: {matchLabels: {app: web}}",
			"chain to-10-42-0-2 { counter drop }",
		},
		{
			"types are guessed from egress", "{podSelector: {matchLabels: {app: web}}, egress: [{}]}",
			"chain to-10-42-0-2 { counter drop } chain from-10-42-0-2 { return counter drop }",
		},
		{
			"an empty rule allows all", "{podSelector: {matchLabels: {app: web}}, ingress: [{}]}",
			"chain to-10-42-0-2 { return counter drop }",
		},
		{
			"a pod selector stays in its namespace",
			"{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}",
			"chain to-10-42-0-3 { ip saddr { 10.42.0.2 } return counter drop }",
		},
		{
			"a namespace selector with a pod selector",
			"{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}, podSelector: {matchLabels: {app: web}}}]}]}",
			"chain to-10-42-0-3 { ip saddr { 10.42.0.4 } return counter drop }",
		},
		{
			"every namespace",
			"{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {}}]}]}",
			"chain to-10-42-0-3 { ip saddr { 10.42.0.2, 10.42.0.3, 10.42.0.4 } return counter drop }",
		},
		{
			"peers that nobody is deny", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: none}}}]}]}",
			"chain to-10-42-0-3 { counter drop }",
		},
		{
			"blocks with exceptions and ports",
			"{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.2.3.4/32]}}], ports: [{port: 80}, {port: 53, protocol: UDP}, {port: 8000, endPort: 8010}]}]}",
			"chain from-10-42-0-2 { ip daddr 10.0.0.0/8 ip daddr != 10.1.0.0/16 ip daddr != 10.2.3.4/32 tcp dport 80 return" +
				" ip daddr 10.0.0.0/8 ip daddr != 10.1.0.0/16 ip daddr != 10.2.3.4/32 udp dport 53 return" +
				" ip daddr 10.0.0.0/8 ip daddr != 10.1.0.0/16 ip daddr != 10.2.3.4/32 tcp dport 8000-8010 return counter drop }",
		},
		{
			"the block of everything",
			"{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}]}",
			"chain from-10-42-0-2 { meta nfproto ipv4 ip daddr != 10.0.0.0/8 return counter drop }",
		},
		{
			"a named port coming in is the pod's own",
			"{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: sql}]}]}",
			"chain to-10-42-0-3 { tcp dport 5432 return counter drop }",
		},
		{
			"a named port going out is each peer's own",
			"{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}], ports: [{port: http}]}]}",
			"chain from-10-42-0-3 { ip daddr 10.42.0.2 tcp dport 8080 return ip daddr 10.42.0.4 tcp dport 9090 return counter drop }",
		},
		{
			"a protocol without a port",
			"{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{protocol: UDP}]}]}",
			"chain to-10-42-0-3 { meta l4proto udp return counter drop }",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var policies []*networkingv1.NetworkPolicy
			if test.spec != "" {
				p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "p"}}
				if err := yaml.UnmarshalStrict([]byte(test.spec), &p.Spec); err != nil {
					t.Fatal(err)
				}
				policies = append(policies, p)
			}
			namespaces, pods := world()
			script := netpolicy.Render(policies, namespaces, pods)
			if got := chains(script); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			understood(t, script)
		})
	}
}

// A policy cannot keep a pod from itself.
func TestRenderLetsPodsReachThemselves(t *testing.T) {
	namespaces, pods := world()
	script := netpolicy.Render([]*networkingv1.NetworkPolicy{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "none"},
		Spec:       networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{"Ingress", "Egress"}},
	}}, namespaces, pods)
	for _, want := range []string{
		`ip saddr 10.42.0.2 return comment "itself"`, `ip daddr 10.42.0.3 return comment "itself"`,
		"ip saddr vmap { 10.42.0.3 : jump from-10-42-0-3, 10.42.0.2 : jump from-10-42-0-2 }",
	} {
		if !strings.Contains(script, want) {
			t.Errorf("no %s in\n%s", want, script)
		}
	}
}

// chains are the chains of pods on one line, but for the rule that all have.
func chains(script string) string {
	var words []string
	in := false
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "chain to-") || strings.HasPrefix(line, "chain from-") {
			in = true
		}
		if in && !strings.HasSuffix(line, `comment "itself"`) {
			words = append(words, line)
		}
		if line == "}" {
			in = false
		}
	}
	return strings.Join(words, " ")
}

// understood lets nft itself look at a script, without applying it.
func understood(t *testing.T, script string) {
	t.Helper()
	nft, err := exec.LookPath("nft")
	if err != nil || os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("nft and root are needed: %v", err)
		}
		t.Logf("not shown to nft: it needs nft and root")
		return
	}
	cmd := exec.Command(nft, "--check", "--file", "-")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("nft: %v: %s\n%s", err, out, script)
	}
}
