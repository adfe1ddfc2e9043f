package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pikasTech/agentrun/lab/machine"
	"github.com/pikasTech/agentrun/lab/netns"
	"github.com/pikasTech/agentrun/lab/process"
)

// Down stops everything and removes it, whatever state it is in. When nothing is
// there, nothing is done.
func (l *Lab) Down(ctx context.Context) error {
	if err := machine.Check(); err != nil {
		return err
	}
	if err := l.own(); err != nil {
		return err
	}
	if l.clean() {
		l.say("the lab is not up")
		return os.RemoveAll(l.Dir)
	}
	release, err := l.lock()
	if err != nil {
		return err
	}
	defer release()
	return l.down(ctx)
}

func (l *Lab) down(ctx context.Context) error {
	start := time.Now()
	// First who would start things anew, then the pods, then the rest at once: none
	// of their data is needed any more.
	l.stop(ctx, 2*time.Second, "argocd-controller", "argocd-repo-server", "tekton-controller", "tekton-webhook",
		"scheduler", "controller-manager", "kubelet")
	l.say("%6.1fs  controllers and kubelet stopped", time.Since(start).Seconds())
	l.stopPods(ctx)
	l.say("%6.1fs  pods stopped", time.Since(start).Seconds())
	l.stop(ctx, time.Second, l.table().Names()...)
	errs := []error{l.sweep(ctx)}
	l.say("%6.1fs  daemons stopped", time.Since(start).Seconds())

	errs = append(errs, l.podNetworks(), machine.Unmount(l.Dir))
	machine.ForgetContainers(l.Dir, Name)
	errs = append(errs, machine.RemoveCgroups(Name), l.Namespace().Delete(), machine.Restore(l.path("before.json")))
	if err := errors.Join(errs...); err != nil {
		// What is written down stays for another try.
		return fmt.Errorf("bringing the lab down: %w", err)
	}
	if err := os.RemoveAll(l.Dir); err != nil {
		return fmt.Errorf("bringing the lab down: %w", err)
	}
	l.say("%6.1fs  the lab is down", time.Since(start).Seconds())
	return nil
}

// stop stops components at the same time. One that does not end is left to sweep.
func (l *Lab) stop(ctx context.Context, grace time.Duration, names ...string) {
	table := l.table()
	var all sync.WaitGroup
	for _, name := range names {
		all.Go(func() {
			if table.Get(name).Stop(ctx, grace) == nil {
				table.Forget(name)
			}
		})
	}
	all.Wait()
}

// stopPods ends all containers, and has containerd clear away after them as long
// as it lives.
func (l *Lab) stopPods(ctx context.Context) {
	kill(ctx, machine.CgroupProcesses(Name))
	if !l.table().Get("containerd").Alive() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	list, err := l.ctrOutput(ctx, "tasks", "list", "--quiet")
	if tasks := strings.Fields(list); err == nil && len(tasks) > 0 {
		// Errors show in what is left, which sweep looks at.
		_ = l.ctr(ctx, append([]string{"tasks", "delete", "--force"}, tasks...)...)
	}
}

// sweep kills what is still inside the lab's network or cgroup, but not this
// process and those that it was started from.
func (l *Lab) sweep(ctx context.Context) error {
	inside, err := l.Namespace().Processes()
	if err != nil {
		return err
	}
	return kill(ctx, append(inside, machine.CgroupProcesses(Name)...))
}

func kill(ctx context.Context, pids []int) error {
	spared := process.Ancestors()
	errs := make([]error, len(pids))
	var all sync.WaitGroup
	for i, pid := range pids {
		if p := process.Find(pid); !slices.Contains(spared, pid) {
			all.Go(func() { errs[i] = p.Stop(ctx, 0) })
		}
	}
	all.Wait()
	return errors.Join(errs...)
}

// podNetworks removes the network namespaces of pods, which the network plugins
// have written down.
func (l *Lab) podNetworks() error {
	results, _ := filepath.Glob("/var/lib/cni/results/" + Name + "-*")
	path := regexp.MustCompile(`/run/netns/(cni-[0-9a-f-]+)`)
	var errs []error
	for _, file := range results {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if found := path.FindSubmatch(text); found != nil {
			errs = append(errs, netns.Namespace{Name: string(found[1])}.Delete())
		}
	}
	return errors.Join(errs...)
}
