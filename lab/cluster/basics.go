package cluster

import (
	"fmt"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/pikasTech/agentrun/lab/process"
)

// hostName is the component that is the lab's own program.
const hostName = "host"

// basics are what does not need Kubernetes.
func (l *Lab) basics() []component {
	bin, _ := l.binaries() // empty folders are found out when a program is started
	return []component{
		{process.Spec{
			Name: "etcd", Path: "/usr/bin/etcd",
			Args: []string{
				"--data-dir=" + l.path("data", "etcd"), "--unsafe-no-fsync",
				"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
				"--listen-peer-urls=http://127.0.0.1:2380",
			},
		}, []string{"http://127.0.0.1:2379/health"}},
		{process.Spec{
			Name: "containerd", Path: "/usr/bin/containerd", Args: []string{"--config", l.path("etc", "containerd.toml")},
		}, []string{l.containerd()}},
		{process.Spec{
			Name: hostName, Path: filepath.Join(bin.Lab, "lab"), Args: []string{"host"},
			Env: []string{"AGENTRUN_LAB=" + l.Dir, "AGENTRUN_LAB_CACHE=" + l.Cache},
		}, []string{Proxy, Git, NodeIP + ":3000"}},
		{process.Spec{
			Name: "registry", Path: "/usr/bin/docker-registry", Args: []string{"serve", l.path("etc", "registry.yaml")},
		}, []string{"http://" + Registry + "/v2/"}},
		{l.postgres(), []string{Postgres, NodeIP + ":5432"}},
		{process.Spec{
			Name: "redis", Path: "/usr/bin/redis-server",
			Args: []string{"--bind", "127.0.0.1", "--port", "6379", "--save", "", "--appendonly", "no", "--dir", l.path("data", "redis")},
		}, []string{"127.0.0.1:6379"}},
	}
}

func (l *Lab) containerd() string { return l.path("run", "containerd.sock") }

func (l *Lab) postgres() process.Spec {
	return process.Spec{
		Name: "postgres", Path: newest("/usr/lib/postgresql/*/bin/postgres"), Home: l.path("data", "postgres"),
		User: postgresUser(),
		Args: []string{
			"-D", l.path("data", "postgres"), "-c", "listen_addresses=127.0.0.1," + NodeIP, "-c", "unix_socket_directories=",
			"-c", "fsync=off", "-c", "max_connections=200", "-c", "shared_buffers=64MB",
		},
	}
}

// postgresUser is Debian's user for Postgres, which refuses to run as root.
func postgresUser() *syscall.Credential {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// tools is a program beside the given one, such as initdb beside postgres.
func tool(beside, name string) string { return filepath.Join(filepath.Dir(beside), name) }

func flag(name, value string) string { return fmt.Sprintf("--%s=%s", name, value) }
