package cluster_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/lab/cluster"
)

// wanted skips a test that needs the machine to itself, unless LAB_E2E says to run
// it. Under CI it must be said.
func wanted(t *testing.T) *cluster.Lab {
	t.Helper()
	if os.Getenv("LAB_E2E") != "1" {
		if os.Getenv("CI") == "true" {
			t.Fatal("LAB_E2E=1 is not set: under CI this test is not skipped")
		}
		t.Skip("it brings the lab up and down; set LAB_E2E=1")
	}
	l, err := cluster.New(t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if status, err := l.Status(t.Context()); err != nil || status.Up {
		t.Fatalf("a lab is up in %s, or cannot be asked (%v): lab down first", l.Dir, err)
	}
	return l
}

// TestDownLeavesNothing looks at the machine before the lab and after, with a
// pipeline and pods on both networks in between.
func TestDownLeavesNothing(t *testing.T) {
	l := wanted(t)
	if _, err := l.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := traces(t, l)
	if err := l.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer l.Down(context.WithoutCancel(t.Context())) //nolint:errcheck // after a failure only
	if slices.Equal(before, traces(t, l)) {
		t.Error("a running lab leaves no trace: this test sees nothing")
	}
	hello(t, l)
	pulled(t, l)
	recycled(t, l)
	if err := l.Up(t.Context()); err != nil {
		t.Errorf("a second up: %v", err)
	}
	if err := l.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, before, traces(t, l))
	if err := l.Down(t.Context()); err != nil {
		t.Errorf("a second down: %v", err)
	}
}

// TestUpAfterTheWorst kills every daemon of a running lab and brings it up again.
func TestUpAfterTheWorst(t *testing.T) {
	l := wanted(t)
	if _, err := l.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := traces(t, l)
	if err := l.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer l.Down(context.WithoutCancel(t.Context())) //nolint:errcheck // after a failure only
	hello(t, l)
	status, err := l.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range status.Components {
		if p, err := os.FindProcess(c.Pid); err != nil || p.Kill() != nil {
			t.Errorf("killing %s: %v", c.Name, err)
		}
	}
	if err := l.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	hello(t, l)
	if err := l.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, before, traces(t, l))
}

// TestInterruptedUpLeavesNothing ends up at several moments.
func TestInterruptedUpLeavesNothing(t *testing.T) {
	l := wanted(t)
	if _, err := l.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := traces(t, l)
	for _, after := range []time.Duration{500 * time.Millisecond, 3 * time.Second, 7 * time.Second} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		if err := l.Up(ctx); err == nil {
			t.Errorf("up was done within %s", after)
		}
		cancel()
		same(t, before, traces(t, l))
	}
}

// hello runs a pipeline on the node's network, and leaves a pod on the pods'.
func hello(t *testing.T, l *cluster.Lab) {
	t.Helper()
	text, err := os.ReadFile("testdata/hello.yaml")
	if err != nil {
		t.Fatal(err)
	}
	kubectl := func(stdin string, args ...string) (string, error) {
		return l.Kubectl(t.Context(), stdin, append([]string{"--namespace=hello"}, args...)...)
	}
	for _, step := range []struct {
		stdin string
		args  []string
	}{
		{"", []string{"create", "namespace", "hello"}},
		// Before it has an account no pod is let in.
		{"", []string{"wait", "--for=create", "serviceaccount/default", "--timeout=30s"}},
		{string(text), []string{"apply", "-f", "-"}},
		{"", []string{"wait", "--for=condition=Ready", "pod/server", "--timeout=60s"}},
		{"", []string{"wait", "--for=condition=Succeeded", "pipelinerun/hello", "--timeout=120s"}},
	} {
		if _, err := kubectl(step.stdin, step.args...); err != nil {
			state, _ := kubectl("", "get", "pods,pipelineruns,taskruns,events", "-o", "wide")
			words, _ := kubectl("", "logs", "--selector=tekton.dev/pipelineRun=hello", "--all-containers", "--tail=20", "--prefix")
			t.Fatalf("%v\n%s\n%s", err, state, words)
		}
	}
}

// traces are everything on the machine that a lab might leave.
func traces(t *testing.T, l *cluster.Lab) []string {
	t.Helper()
	var all []string
	add := func(kind string, names ...string) {
		for _, name := range names {
			all = append(all, kind+" "+name)
		}
	}
	for _, setting := range []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward"} {
		value, err := os.ReadFile(filepath.Join("/proc/sys", setting))
		if err != nil {
			t.Fatal(err)
		}
		add("setting", setting+" = "+strings.TrimSpace(string(value)))
	}
	for _, root := range []string{
		l.Dir, "/var/log/pods", "/var/log/containers", "/var/lib/kubelet", "/var/lib/cni", "/usr/libexec/kubernetes", "/run/containerd",
		"/run/runc", "/run/netns", "/opt/containerd", "/etc/cni", "/sys/class/net", "/root/.kube",
	} {
		_ = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				add("file", path)
			}
			return nil
		})
	}
	cgroups, err := filepath.Glob("/sys/fs/cgroup/*/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range cgroups {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			add("cgroup", path)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		for _, place := range []string{l.Dir + "/", "/run/netns", "/run/containerd", "/var/lib/kubelet"} {
			if strings.Contains(line, " "+place) {
				add("mount", strings.TrimSpace(line))
			}
		}
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range commands {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		command := strings.ReplaceAll(string(text), "\x00", " ")
		for _, word := range []string{l.Dir, l.Cache, "containerd-shim", "/pause"} {
			// The build's own processes are nobody's leftovers.
			if strings.Contains(command, word) && !strings.Contains(command, "/.part-") {
				add("process", fmt.Sprintf("%s %s", filepath.Base(filepath.Dir(file)), command))
				break
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func same(t *testing.T, before, after []string) {
	t.Helper()
	for _, trace := range after {
		if !slices.Contains(before, trace) {
			t.Errorf("left: %s", trace)
		}
	}
	for _, trace := range before {
		if !slices.Contains(after, trace) {
			t.Errorf("gone: %s", trace)
		}
	}
}
