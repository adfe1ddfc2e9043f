package builder

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/fail"
)

// daemon is a buildkitd of our own.
type daemon struct {
	address string
	version string
	process *child.Process
	words   *child.Tail
}

// startTime is how long a daemon may take until it listens.
const startTime = 30 * time.Second

// endTime is how long the end of a daemon may take to be known after its
// connections have ended.
const endTime = 10 * time.Second

// maxSocket is the most bytes of a Unix socket's path, less a margin.
const maxSocket = 104

// wrapper is runc for a daemon that has one group id: the terminal's group of
// the standard device file system does not exist there.
const wrapper = `#!/bin/sh
# Runs runc after taking the terminal group, which is not mapped, out of the
# bundle's configuration.
next=
for arg; do
	[ -n "$next" ] && bundle=$arg && next=
	[ "$arg" = --bundle ] && next=1
done
[ -n "${bundle-}" ] && sed -i 's/,"gid=5"//' "$bundle/config.json"
exec runc "$@"
`

// startDaemon starts buildkitd in a user namespace of one id, which needs no
// rights, or without one when that is asked for or the only way left.
func startDaemon(ctx context.Context, o BuildKitOptions, home string, c *cache) (*daemon, error) {
	program, err := find(o.Bin, "buildkitd", makeHint)
	if err != nil {
		return nil, err
	}
	runc, err := find(o.Bin, "runc", runcHint)
	if err != nil {
		return nil, err
	}
	d := &daemon{words: &child.Tail{}, version: programVersion(program)}
	socket := filepath.Join(o.Dir, "buildkitd.sock")
	if len(socket) > maxSocket {
		return nil, fail.Fail(o.Dir, "choose a state folder with a shorter path", "a socket in this folder has a path of %d bytes, the most is %d", len(socket), maxSocket)
	}
	d.address = "unix://" + socket
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	env := environment(home, o.Plain...)
	env = append(env, "PATH="+filepath.Dir(runc)+string(os.PathListSeparator)+os.Getenv("PATH"))

	if !o.Rootful {
		err = d.run(ctx, o, program, env, true)
		if err == nil || !errors.Is(err, errNoNamespace) {
			return d, err
		}
		if os.Geteuid() != 0 {
			return nil, fail.Fail("buildkitd", "allow user namespaces (kernel.unprivileged_userns_clone, or a seccomp profile with unshare and mount), or set BUILDKIT_HOST to a running buildkitd",
				"starting it without root: %w", err)
		}
	}
	return d, d.run(ctx, o, program, env, false)
}

var errNoNamespace = errors.New("a user namespace cannot be made here")

func (d *daemon) run(ctx context.Context, o BuildKitOptions, program string, env []string, rootless bool) error {
	kind := "rootful"
	if rootless {
		kind = "rootless"
	}
	// The two kinds write their snapshots differently.
	root := filepath.Join(o.Dir, kind)
	config, runc := filepath.Join(o.Dir, "buildkitd.toml"), filepath.Join(o.Dir, "runc")
	socket := strings.TrimPrefix(d.address, "unix://")
	for _, step := range []func() error{
		func() error { return os.MkdirAll(root, 0o700) },
		func() error { return os.WriteFile(config, daemonConfig(o.Plain), 0o600) },
		func() error { return os.WriteFile(runc, []byte(wrapper), 0o700) },
		func() error { return os.RemoveAll(socket) }, // of a call that was killed
	} {
		if err := step(); err != nil {
			return fmt.Errorf("starting buildkitd: %w", err)
		}
	}
	args := []string{
		"--root", root, "--addr", d.address, "--config", config, "--otel-socket-path", filepath.Join(o.Dir, "otel.sock"),
		"--containerd-worker=false", "--oci-worker=true", "--cdi-disabled", "--log-level=warn",
	}
	if rootless {
		args = append(args, "--rootless", "--oci-worker-no-process-sandbox", "--oci-worker-binary="+runc)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = o.Dir, env
	cmd.Stdout, cmd.Stderr = d.words, d.words
	cmd.SysProcAttr = ownMounts(rootless)
	process, err := child.Start(cmd)
	if err != nil {
		if rootless && (errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL)) {
			return fmt.Errorf("%w: %w", errNoNamespace, err)
		}
		return fail.Fail(program, makeHint, "starting buildkitd: %w", err)
	}
	d.process = process
	if err := d.listens(ctx, socket); err != nil {
		d.stop()
		if ctx.Err() != nil {
			return fmt.Errorf("starting buildkitd: %w", err)
		}
		return fail.Fail(program, "mend what its last lines name; its state is in "+o.Dir, "buildkitd (%s) did not start: %w%s", kind, err, d.words.Text())
	}
	return nil
}

// listens waits until the socket is there.
func (d *daemon) listens(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, errors.New("it did not listen in time"))
	defer cancel()
	for {
		if c, err := net.Dial("unix", socket); err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-d.process.Done():
			return errors.New("it ended")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// endsWithin reports whether the daemon has ended, or does so in that time.
func (d *daemon) endsWithin(limit time.Duration) bool {
	select {
	case <-d.process.Done():
		return true
	default:
	}
	select {
	case <-d.process.Done():
		return true
	case <-time.After(limit):
		return false
	}
}

func (d *daemon) stop() {
	if d.process != nil {
		d.process.Stop()
	}
}

func daemonConfig(plain []string) []byte {
	var b []byte
	for _, registry := range plain {
		b = fmt.Appendf(b, "[registry.%q]\nhttp = true\ninsecure = true\n", registry)
	}
	return b
}

// programVersion is the version of BuildKit that a program was built from. One
// built from its module knows it by its build information, a released one by
// what it says; "" when neither does.
func programVersion(program string) string {
	const module = "github.com/moby/buildkit"
	if info, err := buildinfo.ReadFile(program); err == nil {
		if info.Main.Path == module && strings.HasPrefix(info.Main.Version, "v") {
			return info.Main.Version
		}
		for _, dep := range info.Deps {
			if dep.Path == module && dep.Replace == nil {
				return dep.Version
			}
		}
	}
	out, err := exec.Command(program, "--version").Output()
	if err != nil {
		return ""
	}
	if f := strings.Fields(string(out)); len(f) >= 3 {
		return f[2]
	}
	return ""
}
