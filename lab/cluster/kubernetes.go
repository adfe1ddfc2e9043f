package cluster

import (
	"path/filepath"

	"github.com/pikasTech/agentrun/lab/process"
)

// kubernetes are the node's own programs, all in one binary.
func (l *Lab) kubernetes() []component {
	bin, _ := l.binaries()
	pki := func(name string) string { return l.path("pki", name) }
	kube := func(name string, args ...string) process.Spec {
		program := name
		if name == "kube-proxy" {
			program = "proxy"
		}
		return process.Spec{Name: name, Path: filepath.Join(bin.Programs, "kube"), Args: append([]string{program}, args...)}
	}
	return []component{
		{kube(
			"apiserver",
			"--etcd-servers=http://127.0.0.1:2379", "--bind-address=0.0.0.0", "--secure-port=6443", flag("advertise-address", NodeIP),
			flag("tls-cert-file", pki("apiserver.crt")), flag("tls-private-key-file", pki("apiserver.key")),
			flag("client-ca-file", pki("ca.crt")), "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
			"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
			flag("service-account-key-file", pki("accounts.pub")), flag("service-account-signing-key-file", pki("accounts.key")),
			flag("service-cluster-ip-range", services), "--allow-privileged=true",
			flag("kubelet-client-certificate", pki("kubelet-client.crt")), flag("kubelet-client-key", pki("kubelet-client.key")),
			flag("kubelet-certificate-authority", pki("ca.crt")), "--kubelet-preferred-address-types=InternalIP",
			// Webhooks are called at their endpoints, also before kube-proxy is there.
			"--enable-aggregator-routing=true", "--profiling=false",
		), []string{apiURL + "/readyz"}},
		{kube(
			"controller-manager",
			flag("kubeconfig", pki("controller-manager.kubeconfig")), flag("service-account-private-key-file", pki("accounts.key")),
			flag("root-ca-file", pki("ca.crt")), "--use-service-account-credentials=true", "--leader-elect=false",
			"--bind-address=127.0.0.1", flag("cert-dir", l.path("run", "controller-manager")),
			flag("cluster-cidr", podCIDR), "--allocate-node-cidrs=false", "--pvclaimbinder-sync-period=5s", "--profiling=false",
		), []string{"https://127.0.0.1:10257/healthz"}},
		{kube(
			"scheduler",
			flag("kubeconfig", pki("scheduler.kubeconfig")), "--leader-elect=false",
			"--bind-address=127.0.0.1", flag("cert-dir", l.path("run", "scheduler")), "--profiling=false",
		), []string{"https://127.0.0.1:10259/healthz"}},
		{kube(
			"kubelet",
			flag("config", l.path("etc", "kubelet.yaml")), flag("kubeconfig", pki("kubelet.kubeconfig")),
			flag("hostname-override", Node), flag("node-ip", NodeIP),
			flag("root-dir", l.path("data", "kubelet")), flag("cert-dir", l.path("run", "kubelet")), "--v=1",
		), []string{"http://127.0.0.1:10248/healthz"}},
		{kube(
			"kube-proxy", flag("config", l.path("etc", "proxy.yaml")),
		), []string{"http://127.0.0.1:10256/healthz"}},
		{process.Spec{
			Name: "coredns", Path: filepath.Join(bin.DNS, "coredns"), Args: []string{"-conf", l.path("etc", "Corefile")},
		}, []string{"http://" + NodeIP + ":18181/ready"}},
	}
}
