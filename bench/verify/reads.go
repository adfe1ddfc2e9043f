package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

// parallel is how many questions are asked at once, as lane asks them.
const parallel = 16

// reads does what a verdict cannot do without, and looks at nothing of it: every list
// of the namespace, manifest and config of each image, where the branches are and the
// files of the GitOps branch.
func (w *world) reads(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.readCluster(ctx) })
	g.Go(func() error { return w.readImages(ctx) })
	g.Go(func() error {
		if err := program(ctx, "git", "ls-remote", w.remote.URL, w.names.GitopsRef(), w.names.SourceRef()); err != nil {
			return err
		}
		return program(ctx, "git", "--git-dir="+w.remote.Dir, "archive", "-o", "/dev/null", "--format=tar", w.names.GitopsRef())
	})
	return g.Wait()
}

func (w *world) readCluster(ctx context.Context) error {
	cfg, err := clientcmd.BuildConfigFromFlags("", w.cluster.kubeconfig)
	if err != nil {
		return err
	}
	cfg.QPS = -1
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for kind, r := range kinds() {
		if kind == "Secret" {
			continue // of them a verdict reads the names
		}
		g.Go(func() error {
			o := metav1.ListOptions{Limit: 500}
			for {
				list, err := client.Resource(r).Namespace(w.cluster.namespace).List(ctx, o)
				if err != nil {
					return fmt.Errorf("%s: %w", r.Resource, err)
				}
				if o.Continue = list.GetContinue(); o.Continue == "" {
					return nil
				}
			}
		})
	}
	return g.Wait()
}

func (w *world) readImages(ctx context.Context) error {
	transport := &http.Transport{MaxIdleConnsPerHost: parallel}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, path := range w.registry.paths {
		g.Go(func() error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.registry.address+path, nil)
			if err != nil {
				return err
			}
			resp, err := client.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
				return fmt.Errorf("%s: %s, %w", path, resp.Status, err)
			}
			return nil
		})
	}
	return g.Wait()
}
