// Package debian installs the Debian packages that the lab takes its daemons from.
//
// Installing starts no service: policy-rc.d, which the packages' scripts ask, says
// no for as long as the call takes. A package that is there already is left alone,
// and a machine without apt-get gets an error that names what to install.
package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"

	"github.com/pikasTech/agentrun/lab/problem"
)

// Packages are what the lab needs.
func Packages() []string {
	return []string{
		"etcd-server", "containerd", "runc", "containernetworking-plugins", "nftables", "docker-registry",
		"redis-server", "postgresql", "busybox-static", "git",
	}
}

// Missing are those of the packages that are not installed.
func Missing(ctx context.Context, packages []string) []string {
	var missing []string
	for _, p := range packages {
		cmd := exec.CommandContext(ctx, "dpkg-query", "-W", "-f=${Status}", p)
		if out, err := cmd.Output(); err != nil || !strings.Contains(string(out), "install ok installed") {
			missing = append(missing, p)
		}
	}
	return missing
}

// policy is asked by Debian's packages before they start a service. What it says here
// tells it from the machine's own.
const (
	policy = "/usr/sbin/policy-rc.d"
	denial = "#!/bin/sh\n# the lab installs packages\nexit 101\n"
)

// Install installs those of the packages that are missing.
func Install(ctx context.Context, packages []string, say io.Writer) error {
	missing := Missing(ctx, packages)
	if len(missing) == 0 || ctx.Err() != nil {
		return context.Cause(ctx) // nil when ctx has not ended
	}
	hint := "apt-get install --no-install-recommends " + strings.Join(missing, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return problem.New("install the same programs with this system's own tools and put them in PATH, or use Debian 12",
			"installing %s: there is no apt-get", strings.Join(missing, " "))
	}
	fmt.Fprintf(say, "installing Debian packages: %s\n", strings.Join(missing, " "))
	allow, err := deny(policy)
	if err != nil {
		return problem.New(hint, "keeping %s from starting services: %w", strings.Join(missing, " "), err)
	}
	defer func() { _ = allow() }() // the next one takes it for its own
	if err := apt(ctx, "update", "-qq"); err != nil {
		return problem.New("look at the machine's network and /etc/apt, then run it again", "%w", err)
	}
	if err := apt(ctx, append([]string{"install", "-y", "-qq", "--no-install-recommends"}, missing...)...); err != nil {
		return problem.New(hint, "%w", err)
	}
	return nil
}

// deny forbids services to start, until the function that it returns is called. A
// policy that is the machine's own stays.
func deny(policy string) (allow func() error, err error) {
	if err := permit(policy); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if _, err := file.WriteString(denial); err != nil {
		return nil, errors.Join(err, os.Remove(policy))
	}
	return func() error { return permit(policy) }, nil
}

// Allow lets services start again that an installation which was killed has forbidden.
func Allow() error { return permit(policy) }

func permit(policy string) error {
	said, err := os.ReadFile(policy)
	if errors.Is(err, fs.ErrNotExist) || err == nil && string(said) != denial {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Remove(policy)
}

func apt(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w: %s", args[0], err, lastLine(out))
	}
	return nil
}

func lastLine(out []byte) string {
	out = bytes.TrimSpace(out)
	return string(out[bytes.LastIndexByte(out, '\n')+1:])
}
