package cluster_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pikasTech/agentrun/lab/cluster"
	"github.com/pikasTech/agentrun/lab/image"
)

// pulled pushes an image to the lab's registry and runs it by its digest.
func pulled(t *testing.T, l *cluster.Lab) {
	t.Helper()
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	i, err := image.FromFS(fstest.MapFS{"sh": {Data: program, Mode: 0o755}}, v1.Config{Entrypoint: []string{"/sh", "-c", "echo from the registry"}, User: "1000"})
	if err != nil {
		t.Fatal(err)
	}
	reference, err := l.Push(t.Context(), "test/sh:v1", i)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(reference, cluster.Registry+"/test/sh@sha256:") {
		t.Errorf("pushed %s", reference)
	}
	for _, args := range [][]string{
		{"run", "pulled", "--image=" + reference, "--restart=Never"},
		{"wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/pulled", "--timeout=30s"},
	} {
		if _, err := l.Kubectl(t.Context(), "", append([]string{"--namespace=hello"}, args...)...); err != nil {
			t.Fatal(err)
		}
	}
	out, err := l.Kubectl(t.Context(), "", "--namespace=hello", "logs", "pulled")
	if err != nil || out != "from the registry\n" {
		t.Errorf("the pod says %q, %v", out, err)
	}
}

// recycled gives the pipeline's volume back and waits until it can be claimed again.
func recycled(t *testing.T, l *cluster.Lab) {
	t.Helper()
	volume, err := l.Kubectl(t.Context(), "", "--namespace=hello", "get", "pvc", "-o", "jsonpath={.items[0].spec.volumeName}")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"delete", "pipelinerun", "hello"},
		{"delete", "pvc", "--all"},
		{"wait", "--for=jsonpath={.status.phase}=Available", "pv/" + volume, "--timeout=30s"},
	} {
		if _, err := l.Kubectl(t.Context(), "", append([]string{"--namespace=hello"}, args...)...); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(fmt.Sprintf("%s/data/volumes/%s", l.Dir, volume))
	if err != nil || len(left) > 0 {
		t.Errorf("the volume holds %v, %v", left, err)
	}
}
