package cluster

import (
	"path/filepath"

	"github.com/pikasTech/agentrun/lab/image"
	"github.com/pikasTech/agentrun/lab/process"
)

// account is a service account that a controller of the lab runs as.
type account struct{ namespace, name string }

// accounts are what each controller runs as: the accounts, with the roles, that
// Tekton and Argo CD publish for it. The name is that of its kubeconfig.
func accounts() map[string]account {
	return map[string]account{
		"tekton-controller":  {"tekton-pipelines", "tekton-pipelines-controller"},
		"tekton-webhook":     {"tekton-pipelines", "tekton-pipelines-webhook"},
		"argocd-repo-server": {"argocd", "argocd-repo-server"},
		"argocd-controller":  {"argocd", "argocd-application-controller"},
	}
}

// controllers are Tekton and Argo CD. In a cluster each has a network of its own;
// here their ports are moved out of the way of pods on the node's network.
func (l *Lab) controllers() []component {
	bin, _ := l.binaries()
	program := func(name string) string { return filepath.Join(bin.Programs, name) }
	kubeconfig := func(name string) string { return l.path("pki", name+".kubeconfig") }
	tekton := func(name, leaders, probes, metrics string, more ...string) []string {
		return append([]string{
			"SYSTEM_NAMESPACE=tekton-pipelines", "KUBERNETES_MIN_VERSION=v1.28.0", "POD_NAME=" + name, "METRICS_DOMAIN=tekton.dev/pipeline",
			"CONFIG_DEFAULTS_NAME=config-defaults", "CONFIG_LOGGING_NAME=config-logging", "CONFIG_OBSERVABILITY_NAME=config-observability",
			"CONFIG_FEATURE_FLAGS_NAME=feature-flags", "CONFIG_SPIRE=config-spire", "CONFIG_LEADERELECTION_NAME=" + leaders,
			"PROBES_PORT=" + probes, "METRICS_PROMETHEUS_PORT=" + metrics,
		}, more...)
	}
	argocd := func(name string, more ...string) []string {
		return append([]string{
			"KUBECONFIG=" + kubeconfig(name), "ARGOCD_FAKE_IN_CLUSTER=true", "POD_NAMESPACE=argocd", "ARGOCD_GPG_ENABLED=false",
			"ARGOCD_TLS_DATA_PATH=" + l.path("run", "argocd", "tls"), "ARGOCD_SSH_DATA_PATH=" + l.path("run", "argocd", "ssh"),
			"TMPDIR=" + l.path("run", "argocd", "tmp"),
		}, more...)
	}
	return []component{
		{process.Spec{
			Name: "tekton-controller", Path: program("controller"),
			Args: []string{
				"-kubeconfig=" + kubeconfig("tekton-controller"), "-disable-ha",
				"-entrypoint-image=" + image.Entrypoint, "-nop-image=" + image.Nop, "-sidecarlogresults-image=" + image.Nop,
				"-workingdirinit-image=" + image.WorkingDirInit, "-shell-image=" + image.Shell, "-shell-image-win=localhost/lab/none:v1",
			},
			Env: tekton("tekton-controller", "config-leader-election-controller", "18080", "19090"),
		}, []string{"http://127.0.0.1:18080/readiness", "http://127.0.0.1:19090/metrics"}},
		{process.Spec{
			Name: "tekton-webhook", Path: program("webhook"),
			Args: []string{"-kubeconfig=" + kubeconfig("tekton-webhook"), "-disable-ha"},
			Env: tekton("tekton-webhook", "config-leader-election-webhook", "18090", "19091",
				"WEBHOOK_PORT=18443", "WEBHOOK_ADMISSION_CONTROLLER_NAME=webhook.pipeline.tekton.dev",
				"WEBHOOK_SERVICE_NAME=tekton-pipelines-webhook", "WEBHOOK_SECRET_NAME=webhook-certs"),
		}, []string{"http://127.0.0.1:18090/readiness"}},
		{process.Spec{
			Name: "argocd-repo-server", Path: program("argocd-repo-server"),
			Args: []string{
				"--redis=127.0.0.1:6379", "--address=127.0.0.1", "--port=18081", "--metrics-address=127.0.0.1", "--metrics-port=18084",
				"--disable-tls", "--revision-cache-expiration=3s", "--loglevel=info",
			},
			Env: argocd("argocd-repo-server", "ARGOCD_PLUGINSOCKFILEPATH="+l.path("run", "argocd", "plugins")),
		}, []string{"http://127.0.0.1:18084/healthz"}},
		{process.Spec{
			Name: "argocd-controller", Path: program("argocd-application-controller"),
			Args: []string{
				"--kubeconfig=" + kubeconfig("argocd-controller"), "--namespace=argocd", "--redis=127.0.0.1:6379",
				"--repo-server=127.0.0.1:18081", "--repo-server-plaintext", "--metrics-port=18082",
				"--app-resync=5", "--app-resync-jitter=0", "--app-hard-resync=0", "--operation-processors=4", "--status-processors=4",
			},
			Env: argocd("argocd-controller"),
		}, []string{"http://127.0.0.1:18082/healthz"}},
	}
}
