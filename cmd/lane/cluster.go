package main

import (
	"context"

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

// sourceAndCluster reads the source at HEAD and signs in to the cluster meanwhile. Why that
// failed is noClient, and no error of the verb's; a source that cannot be read is told
// without waiting for the cluster. The caller closes the client.
func (a *app) sourceAndCluster(ctx context.Context, from *cluster) (src *source, client *kube.Client, noClient, err error) {
	connected := make(chan struct{})
	var signedIn *kube.Client
	var refused error
	go func() {
		defer close(connected)
		signedIn, refused = from.connect(ctx)
	}()
	if src, err = a.source(ctx, "HEAD", ""); err != nil {
		return nil, nil, nil, err
	}
	<-connected
	return src, signedIn, refused, nil
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
