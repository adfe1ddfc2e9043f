package soak

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/pikasTech/agentrun/agentrun/codex/codextest"
	"github.com/pikasTech/agentrun/internal/child"
)

// pod is a Job's pod: a folder instead of its volumes, and one process at a time
// instead of its containers.
type pod struct {
	number          int // in the order of their making
	name, uid       string
	jobName, jobUID string
	spec            corev1.PodSpec
	dir             string

	mu      sync.Mutex
	process *child.Process // of the container that runs now
	leaving bool           // it was asked to end
	killed  string         // why nothing of it starts any more, in Kubernetes' word
	ended   bool
	code    int // of its last container, once it has ended
}

func newPod(number int, job *batchv1.Job, root string) *pod {
	name := job.Name + "-" + suffix()
	return &pod{
		number: number, name: name, uid: podUID(string(job.UID), name), jobName: job.Name, jobUID: string(job.UID),
		spec: job.Spec.Template.Spec, dir: filepath.Join(root, name),
	}
}

func (p *pod) gone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

// left reports whether the pod was asked to end.
func (p *pod) left() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leaving
}

// leave notes that the pod is asked to end; it is false when it was before.
func (p *pod) leave() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := !p.leaving
	p.leaving = true
	return first
}

// kill ends the pod as a node does that has no time: the process gets SIGKILL, and with
// it everything that it has started. It is false when there is nothing to end any more.
func (p *pod) kill(why string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return false
	}
	p.killed = why
	p.signal(syscall.SIGKILL)
	return true
}

// freeze lets the pod's process do nothing for a while.
func (p *pod) freeze(d time.Duration) bool {
	if !p.send(syscall.SIGSTOP) {
		return false
	}
	time.Sleep(d)
	return p.send(syscall.SIGCONT)
}

func (p *pod) send(s syscall.Signal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.signal(s)
}

// signal is false when there is nothing that could get it; p.mu is held.
func (p *pod) signal(s syscall.Signal) bool {
	if p.process == nil {
		return false
	}
	select {
	case <-p.process.Done(): // its number may be another's by now
		return false
	default:
		return syscall.Kill(p.process.Pid(), s) == nil
	}
}

// end asks the pod to end, and makes it when its grace is over.
func (p *pod) end() {
	p.mu.Lock()
	p.signal(syscall.SIGTERM)
	process := p.process
	p.mu.Unlock()
	if process == nil {
		p.kill("Error")
		return
	}
	select {
	case <-process.Done():
	case <-time.After(time.Duration(*p.spec.TerminationGracePeriodSeconds) * time.Second):
	}
	p.kill("Error")
}

// run is the kubelet's part: volumes, init containers, the container, and its end.
func (c *cluster) run(p *pod) {
	err := c.mount(p)
	code := 0
	var name string
	for i, container := range append(p.spec.InitContainers[:len(p.spec.InitContainers):len(p.spec.InitContainers)], p.spec.Containers...) {
		if err != nil || code != 0 {
			break
		}
		name = container.Name
		if i == len(p.spec.InitContainers) {
			c.status(p, object{"phase": "Running", "containerStatuses": []any{object{"name": name, "state": object{"running": object{}}}}})
		}
		code, err = c.container(p, container)
	}
	if err != nil {
		c.wrong("pod %s: %v", p.name, err)
		code = 128
	}
	if err := os.RemoveAll(p.dir); err != nil {
		c.wrong("pod %s: %v", p.name, err)
	}
	phase, reason := "Succeeded", "Completed"
	if code != 0 {
		p.mu.Lock()
		phase, reason = "Failed", cmp.Or(p.killed, "Error")
		p.mu.Unlock()
	}
	last := object{"phase": phase, "containerStatuses": []any{object{"name": name, "state": object{"terminated": object{"exitCode": code, "reason": reason}}}}}
	c.Change("pods", p.name, func(obj object) object {
		p.mu.Lock() // whoever sees that it has ended finds it told
		p.ended, p.code = true, code
		p.mu.Unlock()
		return with(obj, "status", last)
	})
}

// mount fills the folders that stand for the pod's volumes.
func (c *cluster) mount(p *pod) error {
	for _, v := range p.spec.Volumes {
		dir := filepath.Join(p.dir, v.Name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if v.Projected == nil {
			continue
		}
		for _, source := range v.Projected.Sources {
			files := map[string]string{}
			switch {
			case source.Secret != nil:
				files["auth.json"], files["config.toml"] = codextest.Auth(), codextest.Config("http://127.0.0.1:9")
			case source.ServiceAccountToken != nil:
				token, err := c.issuer.token(p, source.ServiceAccountToken)
				if err != nil {
					return err
				}
				files[source.ServiceAccountToken.Path] = token
			}
			for name, content := range files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// container runs one container to its end. What it leaves running ends with it, as it
// does in a container.
func (c *cluster) container(p *pod, spec corev1.Container) (code int, err error) {
	var mounts []string
	for _, m := range spec.VolumeMounts {
		mounts = append(mounts, m.MountPath, filepath.Join(p.dir, m.Name))
	}
	inside := strings.NewReplacer(mounts...)
	cmd := exec.Command(filepath.Join(c.programs, "agentrun-runner"))
	for _, a := range spec.Args {
		cmd.Args = append(cmd.Args, inside.Replace(a))
	}
	cmd.Env = []string{"PATH=" + c.programs + ":/usr/bin:/bin", "POD=" + p.dir}
	for _, e := range spec.Env {
		cmd.Env = append(cmd.Env, e.Name+"="+inside.Replace(e.Value))
	}
	log, err := os.OpenFile(p.dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, log, log
	p.mu.Lock()
	if p.killed != "" {
		p.mu.Unlock()
		return 128 + int(syscall.SIGKILL), nil
	}
	p.process, err = child.Start(cmd)
	p.mu.Unlock()
	if err != nil {
		return 0, err
	}
	err = p.process.Err()
	endAllOf(p.dir)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return 128 + int(status.Signal()), nil
		}
		return exit.ExitCode(), nil
	}
	return 0, err
}

// endAllOf kills what has a folder in its environment, which is in no other's.
func endAllOf(dir string) {
	for range 100 {
		left := processes(dir)
		for pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if len(left) == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// processes are those that have text in their environment or command line, and their
// command lines.
func processes(text string) map[int]string {
	found := map[int]string{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return found
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if bytes.Contains(line, []byte(text)) || bytes.Contains(env, []byte(text)) {
			found[pid] = strings.ReplaceAll(string(line), "\x00", " ")
		}
	}
	return found
}
