// Package cluster is the lab: a real Kubernetes node with Tekton Pipelines and
// Argo CD in a network namespace of its own, without a container engine on the
// machine, that looks from inside like the host that releases are made for.
//
// In goes the lab's source folder (for Build and the first Up), a folder for state
// and one for the cache of binaries. Up either leaves a lab with every component
// ready or leaves nothing; Down leaves nothing whatever it finds. Between them the
// lab is on loopback and the node's address inside its namespace: the registry on
// 127.0.0.1:5000, the forward proxy on 127.0.0.1:10808, git on 127.0.0.1:3000,
// Postgres on 127.0.0.1:5432, the API server on 127.0.0.1:6443. From outside it is
// reached through Lab.Dial, Lab.Transport, Lab.RESTConfig and Lab.Run.
//
// It writes to its folders, and to the few places in /var and /run that Kubernetes'
// and containerd's programs insist on, which Down clears. It never touches another
// network namespace's links, another's processes or cgroups, and prints no secret.
package cluster

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pikasTech/agentrun/lab/netns"
	"github.com/pikasTech/agentrun/lab/problem"
	"github.com/pikasTech/agentrun/lab/process"
)

// Name is the lab's name where the machine needs one: its network namespace, its
// cgroup, its network.
const Name = "agentrun-lab"

// What the lab's network looks like, as on the real host.
const (
	Node     = "lab"
	NodeIP   = "10.99.0.1"
	bridge   = "lab0"
	services = "10.43.0.0/16"
	apiIP    = "10.43.0.1"
	dnsIP    = "10.43.0.10"
	podCIDR  = "10.42.0.0/16"
	apiURL   = "https://127.0.0.1:6443"

	Registry = "127.0.0.1:5000"
	Proxy    = "127.0.0.1:10808"
	Git      = "127.0.0.1:3000"
	Postgres = "127.0.0.1:5432"
	GitUser  = "lane"
)

// NoProxy is what is reached without the forward proxy.
const NoProxy = "localhost,127.0.0.1,10.99.0.1,10.43.0.0/16,10.42.0.0/16,.svc,.svc.cluster.local,.cluster.local"

// Lab is a lab by its folders; it may be up or not.
type Lab struct {
	Dir    string // state, gone after Down
	Cache  string // binaries
	Source string // the folder of the lab's go.mod; may be empty when nothing is built
	Say    io.Writer
}

// New is the lab that the environment names: AGENTRUN_LAB, AGENTRUN_LAB_CACHE, and
// the source folder in or around the working folder.
func New(say io.Writer) (*Lab, error) {
	l := &Lab{Dir: os.Getenv("AGENTRUN_LAB"), Cache: os.Getenv("AGENTRUN_LAB_CACHE"), Say: say}
	if l.Dir == "" {
		l.Dir = "/var/lib/agentrun-lab"
	}
	if l.Cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, problem.New("set HOME or AGENTRUN_LAB_CACHE", "choosing a cache folder: %w", err)
		}
		l.Cache = filepath.Join(home, ".cache", "agentrun-lab")
	}
	for _, dir := range []*string{&l.Dir, &l.Cache} {
		var err error
		if *dir, err = filepath.Abs(*dir); err != nil {
			return nil, err
		}
	}
	// The longest socket of the lab has to fit into a socket's address.
	const longest = 60
	if len(l.Dir) > longest {
		return nil, problem.New("choose a shorter one with AGENTRUN_LAB",
			"the state folder %s is too long: unix sockets in it would not work", l.Dir)
	}
	l.Source = findSource()
	return l, nil
}

// findSource looks upwards from the working folder for the lab's module.
func findSource() string {
	dir, err := os.Getwd()
	for err == nil {
		for _, candidate := range []string{dir, filepath.Join(dir, "lab")} {
			text, err := os.ReadFile(filepath.Join(candidate, "go.mod"))
			if err == nil && strings.HasPrefix(string(text), "module github.com/pikasTech/agentrun/lab\n") {
				return candidate
			}
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

func (l *Lab) path(elements ...string) string {
	return filepath.Join(append([]string{l.Dir}, elements...)...)
}

// Namespace is the lab's network namespace.
func (l *Lab) Namespace() netns.Namespace { return netns.Namespace{Name: Name} }

func (l *Lab) table() process.Table {
	return process.Table{Dir: l.path("run", "processes"), Logs: l.path("logs"), PATH: l.searchPath()}
}

// searchPath is PATH for everything in the lab: its own programs, then Debian's.
func (l *Lab) searchPath() string {
	const system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	if bin, err := l.binaries(); err == nil {
		return bin.Programs + ":" + bin.Lab + ":" + system
	}
	return system
}

// Kubeconfig is the administrator's kubeconfig, for use inside the namespace.
func (l *Lab) Kubeconfig() string { return l.path("pki", "admin.kubeconfig") }

// GitRoot is the folder of bare repositories.
func (l *Lab) GitRoot() string { return l.path("git") }

// GitPasswordFile holds the password of GitUser.
func (l *Lab) GitPasswordFile() string { return l.path("secrets", "git-password") }

// PostgresPasswordFile holds the password of the superuser postgres.
func (l *Lab) PostgresPasswordFile() string { return l.path("secrets", "postgres-password") }

// Log is the file of what a component says.
func (l *Lab) Log(component string) string { return l.table().Log(component) }

// Env is the environment for programs that work with the lab; it holds no secret.
func (l *Lab) Env() []string {
	proxy := "http://" + Proxy
	path := l.searchPath()
	if bin, err := l.binaries(); err == nil && os.Getenv("PATH") != "" {
		path = bin.Programs + ":" + bin.Lab + ":" + os.Getenv("PATH")
	}
	return []string{
		"PATH=" + path,
		"KUBECONFIG=" + l.Kubeconfig(),
		"KUBECACHEDIR=" + l.path("run", "kubectl"), // else it would stay in the user's home
		"HTTP_PROXY=" + proxy, "HTTPS_PROXY=" + proxy, "NO_PROXY=" + NoProxy,
		"http_proxy=" + proxy, "https_proxy=" + proxy, "no_proxy=" + NoProxy,
		"LAB_REGISTRY=" + Registry,
		"LAB_GIT=http://" + Git,
		"LAB_GIT_USER=" + GitUser,
		"LAB_GIT_PASSWORD_FILE=" + l.GitPasswordFile(),
		"LAB_POSTGRES=postgres://postgres@" + Postgres + "/postgres",
		"LAB_POSTGRES_PASSWORD_FILE=" + l.PostgresPasswordFile(),
	}
}

// errDown is the answer of everything that needs a lab when there is none.
func (l *Lab) errDown(doing string, err error) error {
	if err == nil {
		err = errors.New("there is none in " + l.Dir)
	}
	return problem.New("lab up", "%s: the lab is not up: %w", doing, err)
}

func (l *Lab) say(format string, args ...any) { fmt.Fprintf(l.Say, format+"\n", args...) }
