package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/pikasTech/agentrun/lab/build"
	"github.com/pikasTech/agentrun/lab/image"
)

// importImages gives containerd the images that come with the lab.
func (l *Lab) importImages(ctx context.Context, bin build.Binaries) error {
	return l.ctr(ctx, "images", "import", filepath.Join(bin.Programs, image.Archive))
}

func (l *Lab) ctr(ctx context.Context, args ...string) error {
	_, err := l.ctrOutput(ctx, args...)
	return err
}

func (l *Lab) ctrOutput(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "ctr", append([]string{"--address", l.containerd(), "--namespace", "k8s.io"}, args...)...)
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("ctr %s: %w: %s", strings.Join(args[:2], " "), err, bytes.TrimSpace(words.Bytes()))
	}
	return out.String(), nil
}

// initPostgres makes Postgres' data folder, which belongs to Postgres' user. Who
// connects has to know the password, also from loopback.
func (l *Lab) initPostgres(ctx context.Context) error {
	spec := l.postgres()
	if spec.User == nil {
		return errors.New("making Postgres' folder: there is no user postgres")
	}
	data := l.path("data", "postgres")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	if err := os.Chown(data, int(spec.User.Uid), int(spec.User.Gid)); err != nil {
		return err
	}
	// Postgres' user may not read the password's file, nor open a pipe of root's.
	password := l.path("data", "postgres-password")
	text, err := os.ReadFile(l.PostgresPasswordFile())
	if err != nil {
		return err
	}
	if err := os.WriteFile(password, text, 0o600); err != nil {
		return err
	}
	defer os.Remove(password)
	if err := os.Chown(password, int(spec.User.Uid), int(spec.User.Gid)); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, tool(spec.Path, "initdb"),
		"-D", data, "--username=postgres", "--auth=scram-sha-256", "--pwfile="+password, "--locale=C.UTF-8", "--no-sync")
	cmd.Dir = data
	cmd.Env = []string{"PATH=" + l.searchPath(), "LC_ALL=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: spec.User}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("making Postgres' folder: initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	// initdb lets in loopback alone; pods come from elsewhere.
	file, err := os.OpenFile(filepath.Join(data, "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString("host all all 0.0.0.0/0 scram-sha-256\n")
	return errors.Join(err, file.Close())
}

// nodeReady says why the node is not ready.
func (l *Lab) nodeReady(ctx context.Context) error {
	client, err := l.client()
	if err != nil {
		return err
	}
	node, err := client.CoreV1().Nodes().Get(ctx, Node, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, taint := range node.Spec.Taints {
		if taint.Effect == corev1.TaintEffectNoSchedule {
			return fmt.Errorf("the node takes no pods yet: %s", taint.Key)
		}
	}
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			if c.Status == corev1.ConditionTrue {
				return nil
			}
			return fmt.Errorf("the node is not ready: %s", c.Message)
		}
	}
	return errors.New("the node has no condition yet")
}

// accountsReady says which namespace has no default account yet: no pod is let in
// before.
func (l *Lab) accountsReady(ctx context.Context) error {
	client, err := l.client()
	if err != nil {
		return err
	}
	namespaces, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, n := range namespaces.Items {
		if _, err := client.CoreV1().ServiceAccounts(n.Name).Get(ctx, "default", metav1.GetOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// admits tries whether Tekton's webhook answers for a new object, without making it.
func (l *Lab) admits(ctx context.Context) error {
	config, err := l.RESTConfig()
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	task := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "tekton.dev/v1", "kind": "Task",
		"metadata": map[string]any{"name": "lab-admission"},
		"spec": map[string]any{"steps": []any{
			map[string]any{"name": "none", "image": image.Shell, "command": []any{"true"}},
		}},
	}}
	tasks := client.Resource(schema.GroupVersionResource{Group: "tekton.dev", Version: "v1", Resource: "tasks"})
	_, err = tasks.Namespace("agentrun-ci").Create(ctx, task, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// lastLine is the last line of a log, which is most often why a daemon ended.
func lastLine(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	text = bytes.TrimSpace(text)
	return string(text[bytes.LastIndexByte(text, '\n')+1:])
}
