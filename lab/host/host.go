// Package host is what the real host gives its cluster besides Kubernetes: the
// forward proxy on loopback and a git server; and two test aids that a real
// cluster has programs for, network policies and volumes. It is one long-running
// process, which lives in the machine's own network and listens in the lab's.
package host

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/pikasTech/agentrun/lab/forward"
	"github.com/pikasTech/agentrun/lab/gitserver"
	"github.com/pikasTech/agentrun/lab/netns"
	"github.com/pikasTech/agentrun/lab/netpolicy"
	"github.com/pikasTech/agentrun/lab/volumes"
)

// Host says where everything is.
type Host struct {
	Namespace    netns.Namespace
	ProxyAddress string
	GitAddresses []string
	GitRoot      string
	GitUser      string
	PasswordFile string
	Volumes      string // the folder of volumes
	DNSAddress   string // where the cluster's DNS answers
	// Config waits until the API server is there and returns how to reach it.
	Config func(context.Context) (*rest.Config, error)
}

// Run serves until ctx ends.
func (h Host) Run(ctx context.Context) error {
	password, err := os.ReadFile(h.PasswordFile)
	if err != nil {
		return fmt.Errorf("reading git's password: %w", err)
	}
	git, err := gitserver.Server{Root: h.GitRoot, User: h.GitUser, Password: strings.TrimSpace(string(password))}.Handler()
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	proxy := forward.Proxy{Dial: (&net.Dialer{Timeout: 20 * time.Second}).DialContext}
	if err := h.serve(ctx, group, h.ProxyAddress, proxy.Handler()); err != nil {
		return err
	}
	for _, address := range h.GitAddresses {
		if err := h.serve(ctx, group, address, git); err != nil {
			return err
		}
	}
	group.Go(func() error {
		config, err := h.Config(ctx)
		if err != nil {
			return err
		}
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		group.Go(func() error { return netpolicy.Follow(ctx, client, []*corev1.Pod{h.dns()}, h.applyNFT) })
		group.Go(func() error { return volumes.Recycle(ctx, client, h.Volumes) })
		return nil
	})
	return group.Wait()
}

// dns is the cluster's DNS as the pod that it is elsewhere.
func (h Host) dns() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "coredns", Labels: map[string]string{"k8s-app": "kube-dns"}},
		Status:     corev1.PodStatus{PodIP: h.DNSAddress},
	}
}

func (h Host) serve(ctx context.Context, group *errgroup.Group, address string, handler http.Handler) error {
	listener, err := h.Namespace.Listen(address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 30 * time.Second}
	group.Go(func() error {
		if err := server.Serve(listener); ctx.Err() == nil {
			return fmt.Errorf("serving %s: %w", address, err)
		}
		return nil
	})
	context.AfterFunc(ctx, func() { _ = server.Close() })
	slog.Info("serving", "address", address)
	return nil
}

// applyNFT gives a script to nft inside the lab's network.
func (h Host) applyNFT(script string) error {
	var words bytes.Buffer
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin, cmd.Stderr = strings.NewReader(script), &words
	if err := h.Namespace.Do(cmd.Run); err != nil {
		return fmt.Errorf("nft: %w: %s", err, words.String())
	}
	return nil
}
