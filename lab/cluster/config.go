package cluster

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"github.com/pikasTech/agentrun/lab/build"
	"github.com/pikasTech/agentrun/lab/image"
)

//go:embed etc
var configs embed.FS

// render fills one of the configuration files.
func (l *Lab) render(name string) ([]byte, error) {
	t, err := template.ParseFS(configs, "etc/"+name)
	if err != nil {
		return nil, fmt.Errorf("rendering %s: %w", name, err)
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]string{
		"Dir": l.Dir, "Name": Name, "Node": Node, "NodeIP": NodeIP, "PodCIDR": podCIDR, "DNS": dnsIP, "Pause": image.Pause,
	})
	if err != nil {
		return nil, fmt.Errorf("rendering %s: %w", name, err)
	}
	return b.Bytes(), nil
}

// configure writes the configuration files of all components.
func (l *Lab) configure() error {
	for name, to := range map[string]string{
		"containerd.toml": "containerd.toml", "cni.conflist": "cni/10-lab.conflist", "kubelet.yaml": "kubelet.yaml",
		"proxy.yaml": "proxy.yaml", "registry.yaml": "registry.yaml", "Corefile": "Corefile", "resolv.conf": "resolv.conf",
	} {
		text, err := l.render(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(l.path("etc", to), text, 0o644); err != nil {
			return fmt.Errorf("writing the configuration: %w", err)
		}
	}
	return nil
}

// folders makes the state folder. Others may pass through it, as Postgres does to
// its own part, but not look into it.
func (l *Lab) folders() error {
	for _, dir := range []string{
		"run/processes", "run/argocd/tls", "run/argocd/ssh", "run/argocd/plugins", "run/argocd/tmp", "logs", "etc/cni", "git",
		"data/pods", "data/plugins", "data/kubelet", "data/opt", "data/registry", "data/volumes", "data/etcd", "data/redis",
	} {
		if err := os.MkdirAll(l.path(dir), 0o755); err != nil {
			return fmt.Errorf("making the state folder: %w", err)
		}
	}
	for dir, mode := range map[string]os.FileMode{"": 0o711, "data": 0o711, "secrets": 0o700, "data/etcd": 0o700, "run": 0o711, "logs": 0o700} {
		if err := os.MkdirAll(l.path(dir), mode); err != nil {
			return fmt.Errorf("making the state folder: %w", err)
		}
		if err := os.Chmod(l.path(dir), mode); err != nil {
			return fmt.Errorf("making the state folder: %w", err)
		}
	}
	return nil
}

// SeccompProfile is the repository's profile for the step that builds images, as
// pods name it.
const SeccompProfile = "lane/buildkit.json"

// confine puts that profile where the node looks for it, also when the lab is up.
func (l *Lab) confine() error {
	text, err := os.ReadFile(filepath.Join(l.Source, "..", "lane", "pipeline", "seccomp.json"))
	if err != nil {
		return fmt.Errorf("reading the seccomp profile: %w", err)
	}
	to := l.path("data", "kubelet", "seccomp", SeccompProfile)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("writing the seccomp profile: %w", err)
	}
	if err := os.WriteFile(to+".part", text, 0o644); err != nil {
		return fmt.Errorf("writing the seccomp profile: %w", err)
	}
	return os.Rename(to+".part", to) // whole for a pod that starts meanwhile
}

// The lab that is up keeps the programs that it was started with, whatever is
// built meanwhile.
const binariesFile = "binaries.json"

func (l *Lab) binaries() (build.Binaries, error) {
	var bin build.Binaries
	text, err := os.ReadFile(l.path(binariesFile))
	if err == nil {
		err = json.Unmarshal(text, &bin)
	}
	return bin, err
}

func (l *Lab) writeBinaries(bin build.Binaries) error {
	text, err := json.Marshal(bin)
	if err != nil {
		return err
	}
	return os.WriteFile(l.path(binariesFile), text, 0o644)
}

// newest is the program of Debian's that may come in several versions.
func newest(pattern string) string {
	found, _ := filepath.Glob(pattern) // sorted; one version is the usual case
	if len(found) == 0 {
		return pattern
	}
	return found[len(found)-1]
}
