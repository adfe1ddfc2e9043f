package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"

	"github.com/pikasTech/agentrun/lab/build"
	"github.com/pikasTech/agentrun/lab/debian"
	"github.com/pikasTech/agentrun/lab/machine"
	"github.com/pikasTech/agentrun/lab/problem"
	"github.com/pikasTech/agentrun/lab/volumes"
)

const (
	roomToRun = 2 << 30
	// patience is how long a lab may take to be ready on a busy machine.
	patience = 3 * time.Minute
)

// Build builds the programs that are not in the cache, and installs Debian's at
// the same time.
func (l *Lab) Build(ctx context.Context) (build.Binaries, error) {
	var bin build.Binaries
	if l.Source == "" {
		return bin, problem.New("run it in the repository of AgentRun", "building the lab: its source is not in or above this folder")
	}
	if err := machine.Check(); err != nil {
		return bin, err
	}
	group, ctx := errgroup.WithContext(ctx)
	// busybox goes into an image that is made of what is built.
	installed := make(chan struct{})
	group.Go(func() error {
		defer close(installed)
		return debian.Install(ctx, debian.Packages(), l.Say)
	})
	group.Go(func() (err error) {
		running, _ := l.binaries() // of no lab when none is up
		bin, err = build.Builder{
			Source: l.Source, Cache: l.Cache, Say: l.Say, Installed: installed,
			InUse: []string{running.Programs, running.DNS, running.Lab},
		}.Run(ctx)
		return err
	})
	return bin, group.Wait()
}

// Up makes sure that the lab is up: it builds what is missing, leaves a healthy
// lab alone, clears away a half-dead one, and starts. When it fails, or ctx ends,
// it clears away what it started.
func (l *Lab) Up(ctx context.Context) error {
	if err := machine.Check(); err != nil {
		return err
	}
	if err := l.own(); err != nil {
		return err
	}
	bin, err := l.Build(ctx)
	if err != nil {
		return err
	}
	release, err := l.lock()
	if err != nil {
		return err
	}
	defer release()
	switch status, err := l.Status(ctx); {
	case err == nil && status.Ready:
		l.say("the lab is up already, in %s", l.Dir)
		if running, err := l.binaries(); err == nil && (running.Lab != bin.Lab || running.Programs != bin.Programs || running.DNS != bin.DNS) {
			l.say("it runs programs of an earlier build; lab down and lab up bring the newer ones")
		}
		return l.confine()
	case !l.clean():
		l.say("a lab is there that is not whole: clearing it away")
		if err := l.down(ctx); err != nil {
			return err
		}
	}
	if err := machine.Space(l.Dir, roomToRun, "running"); err != nil {
		return err
	}
	limited, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not ready after %s", patience))
	defer cancel()
	if err := l.up(limited, bin); err != nil {
		l.say("clearing away")
		// Also after Ctrl-C everything has to go.
		if ctx.Err() != nil {
			err = fmt.Errorf("bringing the lab up: %w", context.Cause(ctx))
		} else {
			err = problem.New("look at the reason above; a busy machine may only need another try", "bringing the lab up: %w", err)
		}
		return errors.Join(err, l.down(context.WithoutCancel(ctx)))
	}
	return nil
}

// up starts everything, each part as soon as what it needs is there.
func (l *Lab) up(ctx context.Context, bin build.Binaries) error {
	s := newSteps(ctx, l.Say)
	prepared := s.do("folders, certificates, network", func(context.Context) error { return l.prepare(bin) })
	api := s.do("API server", func(ctx context.Context) error {
		if err := l.start("etcd"); err != nil {
			return err
		}
		return l.startAndAwait(ctx, "apiserver")
	}, prepared)
	images := s.do("containerd, images", func(ctx context.Context) error {
		if err := l.startAndAwait(ctx, "containerd"); err != nil {
			return err
		}
		return l.importImages(ctx, bin)
	}, prepared)
	s.do("registry, git, proxy, Redis", func(ctx context.Context) error {
		return l.startAndAwait(ctx, "registry", hostName, "redis")
	}, prepared)
	s.do("Postgres", func(ctx context.Context) error {
		if err := l.initPostgres(ctx); err != nil {
			return err
		}
		return l.startAndAwait(ctx, "postgres")
	}, prepared)
	managed := s.do("controller manager, scheduler, kube-proxy", func(ctx context.Context) error {
		return l.startAndAwait(ctx, "controller-manager", "scheduler", "kube-proxy")
	}, api)
	s.do("node", func(ctx context.Context) error {
		if err := l.startAndAwait(ctx, "kubelet"); err != nil {
			return err
		}
		return poll(ctx, "waiting for the node", func() error { return l.nodeReady(ctx) })
	}, api, images)
	known := s.do("objects", func(ctx context.Context) error {
		client, err := l.client()
		if err != nil {
			return err
		}
		if err := l.apply(ctx); err != nil {
			return err
		}
		return errors.Join(l.tokens(ctx, client), l.secret(ctx, client))
	}, api)
	s.do("accounts", func(ctx context.Context) error {
		return poll(ctx, "waiting for default accounts", func() error { return l.accountsReady(ctx) })
	}, known, managed)
	s.do("DNS", func(ctx context.Context) error { return l.startAndAwait(ctx, "coredns") }, known)
	s.do("Tekton", func(ctx context.Context) error {
		if err := l.startAndAwait(ctx, "tekton-webhook", "tekton-controller"); err != nil {
			return err
		}
		return poll(ctx, "waiting for Tekton's admission", func() error { return l.admits(ctx) })
	}, known)
	s.do("Argo CD", func(ctx context.Context) error {
		return l.startAndAwait(ctx, "argocd-repo-server", "argocd-controller")
	}, known)
	return s.wait()
}

func (l *Lab) client() (kubernetes.Interface, error) {
	config, err := l.RESTConfig()
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// prepare makes everything that the components need before they start.
func (l *Lab) prepare(bin build.Binaries) error {
	if err := l.folders(); err != nil {
		return err
	}
	if err := l.writeBinaries(bin); err != nil {
		return err
	}
	// From here on the machine is changed.
	if err := machine.Note(l.path("before.json")); err != nil {
		return err
	}
	return errors.Join(
		l.Namespace().Create(l.Dir, bridge, NodeIP+"/24"),
		machine.MakeCgroups(Name),
		l.configure(), l.confine(), l.certify(), l.passwords(),
		volumes.Make(l.path("data", "volumes"), volumeCount),
	)
}

func (l *Lab) startAndAwait(ctx context.Context, names ...string) error {
	if err := l.start(names...); err != nil {
		return err
	}
	for _, name := range names {
		if err := l.await(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
