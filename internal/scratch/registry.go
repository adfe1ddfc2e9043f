package scratch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/fail"
)

// RegistryOptions say how the registry runs. The zero value is what most callers
// want.
type RegistryOptions struct {
	Program string // the registry's program; "" is docker-registry from PATH
	Listen  string // loopback address; "" is a free port of 127.0.0.1
}

// Registry is Docker's registry, running until Close.
type Registry struct {
	Addr string // host:port, plain HTTP

	process *child.Process
}

// startTime is how long a server may take until it answers.
const startTime = time.Minute

// StartRegistry starts a registry that keeps its blobs in dir, and returns once
// it answers. What dir already holds from an earlier call is served again.
// Manifests can be deleted, nobody has to log in, and only this machine can
// reach it.
func StartRegistry(ctx context.Context, dir string, opts RegistryOptions) (*Registry, error) {
	program, listen := opts.Program, opts.Listen
	if program == "" {
		program = "docker-registry"
	}
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("starting the registry: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("starting the registry: %w", err)
	}
	config := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(config, registryConfig(dir, listen), 0o644); err != nil {
		return nil, fmt.Errorf("starting the registry: %w", err)
	}

	log := newRegistryLog()
	cmd := exec.Command(program, "serve", config)
	cmd.Dir = dir
	// Of this process's environment it gets nothing: REGISTRY_* variables would
	// override the configuration.
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "OTEL_TRACES_EXPORTER=none"}
	cmd.Stdout, cmd.Stderr = log, log
	p, err := child.Start(cmd)
	if err != nil {
		if child.Missing(err) {
			return nil, fail.Fail(program, "apt-get install docker-registry", "Docker's registry is not installed")
		}
		return nil, fmt.Errorf("starting the registry: %w", err)
	}
	r := &Registry{process: p}
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, errors.New("it did not answer in time"))
	defer cancel()
	if r.Addr, err = log.listening(ctx, p.Done()); err == nil {
		err = answers(ctx, "http://"+r.Addr+"/v2/", p.Done())
	}
	if err != nil {
		r.Close()
		if errors.Is(err, context.Canceled) {
			return nil, fmt.Errorf("starting the registry: %w", err)
		}
		return nil, fail.Fail(program, "see its last words, and whether "+listen+" is free and "+dir+" is writable",
			"the registry did not start: %w%s", err, log.last())
	}
	return r, nil
}

// Close stops the registry. The blobs stay in its folder.
func (r *Registry) Close() { r.process.Stop() }

func registryConfig(dir, listen string) []byte {
	return fmt.Appendf(nil, `version: 0.1
log: {level: info, formatter: text, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: %q}
  delete: {enabled: true}
  maintenance: {uploadpurging: {enabled: false}}
http: {addr: %q, secret: scratch}
`, filepath.Join(dir, "blobs"), listen)
}
