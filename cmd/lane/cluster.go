package main

import (
	"context"
	"sync"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pikasTech/agentrun/internal/kube"
)

// cluster is which cluster a verb talks to.
type cluster struct{ options kube.Options }

func (c *cluster) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.options.Kubeconfig, "kubeconfig", "", "the kubeconfig `file` (default: KUBECONFIG, else ~/.kube/config)")
	f.StringVar(&c.options.Context, "context", "", "the kubeconfig's `context` (default: its current one)")
}

// connect signs in. The caller closes the client.
func (c *cluster) connect(ctx context.Context) (*kube.Client, error) {
	return kube.Connect(ctx, c.options)
}

// sourceAndCluster reads the source at HEAD and signs in to the cluster meanwhile. A
// cluster that cannot be reached is no error of the verb's. The caller closes the client.
func (a *app) sourceAndCluster(ctx context.Context, from *cluster) (src *source, client *kube.Client, noClient, err error) {
	connecting, stop := context.WithCancel(ctx)
	defer stop()
	var connected sync.WaitGroup
	connected.Go(func() { client, noClient = from.connect(connecting) })
	if src, err = a.source(ctx, "HEAD", ""); err != nil {
		stop()
	}
	connected.Wait()
	if err != nil && noClient == nil {
		client.Close()
	}
	return src, client, noClient, err
}

// The resources that verbs write or read.
var (
	pipelines     = schema.GroupVersionResource{Group: "tekton.dev", Version: "v1", Resource: "pipelines"}
	pipelineRuns  = schema.GroupVersionResource{Group: "tekton.dev", Version: "v1", Resource: "pipelineruns"}
	taskRuns      = schema.GroupVersionResource{Group: "tekton.dev", Version: "v1", Resource: "taskruns"}
	configMaps    = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	secretObjects = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	pods          = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	namespaces    = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
)
