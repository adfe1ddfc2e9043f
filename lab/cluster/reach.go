package cluster

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/pikasTech/agentrun/lab/gitserver"
	"github.com/pikasTech/agentrun/lab/image"
)

// Dial connects to a numeric address inside the lab.
func (l *Lab) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return l.Namespace().Dial(ctx, network, address)
}

// Transport reaches HTTP servers inside the lab, without a proxy.
func (l *Lab) Transport() *http.Transport {
	return &http.Transport{DialContext: l.Dial}
}

// RESTConfig reaches the API server as its administrator.
func (l *Lab) RESTConfig() (*rest.Config, error) { return l.restConfig("admin") }

func (l *Lab) restConfig(client string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", l.path("pki", client+".kubeconfig"))
	if err != nil {
		return nil, l.errDown("reaching the API server", err)
	}
	config.Dial = l.Dial
	config.QPS = -1 // the lab's only user need not queue
	return config, nil
}

// Run runs a command inside the lab's network and waits for it. Without an
// environment of its own it gets Env and nothing else but HOME and USER.
func (l *Lab) Run(cmd *exec.Cmd) error {
	if cmd.Env == nil {
		cmd.Env = append(l.Env(), "HOME="+os.Getenv("HOME"), "USER="+os.Getenv("USER"), "LC_ALL=C.UTF-8")
	}
	return l.Namespace().Do(cmd.Run)
}

// Start is Run for a command that the caller waits for.
func (l *Lab) Start(cmd *exec.Cmd) error {
	if cmd.Env == nil {
		cmd.Env = append(l.Env(), "HOME="+os.Getenv("HOME"), "LC_ALL=C.UTF-8")
	}
	return l.Namespace().Do(cmd.Start)
}

// Kubectl runs kubectl as the administrator and returns what it prints.
func (l *Lab) Kubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	bin, err := l.binaries()
	if err != nil {
		return "", l.errDown("running kubectl", err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin.Programs, "kubectl"), args...)
	var out, words strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &words
	if err := l.Run(cmd); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(words.String()))
	}
	return out.String(), nil
}

// CreateRepository makes an empty bare repository, or leaves the one that is
// there, and returns its folder and its URL inside the lab.
func (l *Lab) CreateRepository(ctx context.Context, name string) (dir, url string, err error) {
	dir, err = gitserver.Create(ctx, l.GitRoot(), name)
	if err != nil {
		return "", "", err
	}
	rel, err := filepath.Rel(l.GitRoot(), dir)
	return dir, "http://" + Git + "/" + rel, err
}

// Push puts an image into the lab's registry as Registry/NAME:TAG and returns the
// reference by its digest.
func (l *Lab) Push(ctx context.Context, nameAndTag string, i v1.Image) (string, error) {
	return image.Push(ctx, l.Transport(), Registry+"/"+nameAndTag, i)
}
