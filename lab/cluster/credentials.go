package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/pikasTech/agentrun/lab/pki"
)

// certify makes all certificates and kubeconfigs that do not need a running API
// server. The names and groups are those that Kubernetes' own roles are bound to;
// the lab's own begin with lab: and are bound in etc/base.yaml.
func (l *Lab) certify() error {
	a, err := pki.New(l.path("pki"))
	if err != nil {
		return err
	}
	err = errors.Join(
		a.Server("apiserver", []string{
			"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		}, "127.0.0.1", NodeIP, apiIP),
		a.Server("kubelet-server", []string{Node}, NodeIP),
		a.Client("kubelet-client", "lab:kubelet-client"),
		a.Pair("accounts"),
	)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		name, user string
		groups     []string
	}{
		{"admin", "lab:admin", []string{"system:masters"}},
		{"controller-manager", "system:kube-controller-manager", nil},
		{"scheduler", "system:kube-scheduler", nil},
		{"kubelet", "system:node:" + Node, []string{"system:nodes"}},
		{"kube-proxy", "system:kube-proxy", nil},
		{"coredns", "lab:coredns", nil},
		{hostName, "lab:host", nil},
	} {
		if err := a.Client(c.name, c.user, c.groups...); err != nil {
			return err
		}
		if err := a.Kubeconfig(c.name, apiURL); err != nil {
			return err
		}
	}
	return nil
}

// passwords makes the random passwords of git's and Postgres' users.
func (l *Lab) passwords() error {
	for _, file := range []string{l.GitPasswordFile(), l.PostgresPasswordFile()} {
		if err := os.WriteFile(file, []byte(rand.Text()), 0o600); err != nil {
			return fmt.Errorf("writing a password: %w", err)
		}
	}
	return nil
}

// tokens gives each controller a kubeconfig with its service account's token.
func (l *Lab) tokens(ctx context.Context, client kubernetes.Interface) error {
	for name, a := range accounts() {
		request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
			ExpirationSeconds: ptr.To[int64](365 * 24 * 3600), // longer than any lab lives
		}}
		answer, err := client.CoreV1().ServiceAccounts(a.namespace).CreateToken(ctx, a.name, request, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("asking for a token of %s/%s: %w", a.namespace, a.name, err)
		}
		if err := pki.TokenKubeconfig(l.path("pki"), name, apiURL, answer.Status.Token); err != nil {
			return err
		}
	}
	return nil
}

// secret makes what Argo CD signs its sessions with; Argo CD fills in the rest.
func (l *Lab) secret(ctx context.Context, client kubernetes.Interface) error {
	secrets := client.CoreV1().Secrets("argocd")
	secret, err := secrets.Get(ctx, "argocd-secret", metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("looking at Argo CD's secret: %w", err)
	}
	if len(secret.Data["server.secretkey"]) > 0 {
		return nil
	}
	secret.StringData = map[string]string{"server.secretkey": rand.Text()}
	_, err = secrets.Update(ctx, secret, metav1.UpdateOptions{})
	if apierrors.IsConflict(err) {
		return nil // Argo CD was faster
	}
	return err
}
