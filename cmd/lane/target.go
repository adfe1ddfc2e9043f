package main

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/lane/intent"
)

// target is where a verb reads and writes: the lane's own registry and remote,
// unless flags name scratch ones.
type target struct {
	registry string // host:port
	remote   string // git URL or path
	cache    string // folder for what was read of the remote; "" is the user's
}

func (t *target) registryFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.registry, "registry", "", "a scratch registry's loopback `address`, instead of the lane's own")
}

func (t *target) remoteFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.remote, "remote", "", "a scratch git `URL`, instead of the lane's own")
}

// registryOf is the registry to talk to.
func (t *target) registryOf(in *intent.Intent) string {
	if t.registry != "" {
		return t.registry
	}
	return in.Registry.Address
}

// remoteOf is the git remote to talk to.
func (t *target) remoteOf(in *intent.Intent) string {
	if t.remote != "" {
		return t.remote
	}
	return in.Source.Repository
}

// taskRun is the pod's own evidence that this process is a step of a Tekton
// TaskRun of the lane.
type taskRun struct{ pipelineRun, taskRun string }

// currentTaskRun reads it. Outside a TaskRun there is none, whatever the
// environment says.
func currentTaskRun() (tr taskRun, ok bool) {
	info, err := os.Stat("/tekton/run")
	if err != nil || !info.IsDir() {
		return taskRun{}, false
	}
	tr = taskRun{pipelineRun: os.Getenv("LANE_PIPELINE_RUN"), taskRun: os.Getenv("LANE_TASK_RUN")}
	if tr.pipelineRun == "" || tr.taskRun == "" {
		return taskRun{}, false
	}
	return tr, true
}

// guardRegistry refuses a registry that a process on a host must not write: a
// release is built in a TaskRun alone (rule B1).
func (t *target) guardRegistry(in *intent.Intent) error {
	addr := t.registryOf(in)
	if _, ok := currentTaskRun(); ok {
		return nil
	}
	if _, ok := port(addr); !ok {
		return usageError("--registry %s: want host:port", addr)
	}
	if sameService(addr, in.Registry.Address) || !registry.Loopback(addr) {
		return fail.Refuse("B1", addr,
			"start a scratch registry and name it with --registry 127.0.0.1:PORT, or run lane rehearse, which does both",
			"outside a TaskRun only a scratch registry on loopback can be written")
	}
	return nil
}

// guardRemote refuses a git remote that a process on a host must not write
// (rule B1).
func (t *target) guardRemote(in *intent.Intent) error {
	remote := t.remoteOf(in)
	if _, ok := currentTaskRun(); ok {
		return nil
	}
	if sameRemote(remote, in.Source.Repository) || !localRemote(remote) {
		return fail.Refuse("B1", fail.Redact(remote),
			"name a scratch repository with --remote (a path, or a URL on 127.0.0.1), or run lane rehearse, which makes one",
			"outside a TaskRun only a scratch git remote on this machine can be written")
	}
	return nil
}

// sameService reports whether two addresses may be one server: loopback has many
// names, so there the port alone tells.
func sameService(a, b string) bool {
	if a == b {
		return true
	}
	portA, okA := port(a)
	portB, okB := port(b)
	return okA && okB && portA == portB && registry.Loopback(a) && registry.Loopback(b)
}

// port is the number behind the last colon of a host:port.
func port(address string) (uint64, bool) {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return n, err == nil && n > 0
}

// sameRemote reports whether two git URLs may be one repository.
func sameRemote(a, b string) bool {
	ua, errA := url.Parse(a)
	ub, errB := url.Parse(b)
	return a == b || errA == nil && errB == nil && ua.Host != "" && sameService(ua.Host, ub.Host)
}

// localRemote reports whether remote is a path, a file URL or an HTTP URL on
// loopback.
func localRemote(remote string) bool {
	if filepath.IsAbs(remote) || strings.HasPrefix(remote, "./") || strings.HasPrefix(remote, "../") {
		return true
	}
	u, err := url.Parse(remote)
	if err != nil {
		return false
	}
	return u.Scheme == "file" && u.Host == "" || u.Scheme == "http" && registry.Loopback(u.Host)
}
