package manager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/pikasTech/agentrun/agentrun/manager/api"
	"github.com/pikasTech/agentrun/agentrun/manager/dispatch"
	"github.com/pikasTech/agentrun/agentrun/manager/identity"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/internal/kube"
)

// Cluster is where runs take place.
type Cluster struct {
	Kube       *kube.Client // in whose namespace Jobs are made, as an account that may do that
	RunnerURL  string       // where runners find the manager, http://service:port
	MaxRunning int          // runs under way at once, of all projects
}

// template reads the runner's Job as it is now.
type template func() (*batchv1.Job, error)

// account is the runners' ServiceAccount. It is asked for each of a runner's requests, so
// an answer counts for a moment.
func (read template) account() func() (string, error) {
	const moment = 5 * time.Second
	var mu sync.Mutex
	var name string
	var until time.Time
	return func() (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); now.After(until) {
			job, err := read()
			if err != nil {
				return "", err
			}
			name, until = job.Spec.Template.Spec.ServiceAccountName, now.Add(moment)
		}
		return name, nil
	}
}

// dispatcher makes Jobs of db's queued runs. It is woken by what changes there.
func (c *Cluster) dispatcher(db *store.Store, t template, log *slog.Logger) *dispatch.Dispatcher {
	d := dispatch.New(dispatch.Config{
		Store: db, Kube: c.Kube, Namespace: c.Kube.Namespace, Template: t, ManagerURL: c.RunnerURL,
		MaxRunning: c.MaxRunning, Every: 2 * time.Second, Limits: dispatch.DefaultLimits(), Now: time.Now, Log: log,
	})
	tell := db.Changed
	db.Changed = func(runID string) {
		tell(runID)
		d.Wake()
	}
	return d
}

// gate knows runners by their pods' tokens. The zero value knows none.
type gate struct{ verifier *identity.Verifier }

func (c *Cluster) gate(t template) gate {
	return gate{identity.New(identity.Config{Kube: c.Kube, Namespace: c.Kube.Namespace, Account: t.account()})}
}

func (g gate) attempt(ctx context.Context, token string) (api.PodIdentity, error) {
	if g.verifier == nil {
		return api.PodIdentity{}, api.ErrToken
	}
	pod, err := g.verifier.Verify(ctx, token)
	if errors.Is(err, identity.ErrToken) {
		err = fmt.Errorf("%w: %w", api.ErrToken, err)
	}
	return api.PodIdentity{Namespace: pod.Namespace, ServiceAccount: pod.ServiceAccount, PodName: pod.Name, PodUID: pod.UID}, err
}

func (g gate) checkPod(ctx context.Context, pod api.PodIdentity, a store.Attempt) error {
	if g.verifier == nil {
		return api.ErrPod
	}
	err := g.verifier.CheckPod(ctx,
		identity.Pod{Namespace: pod.Namespace, ServiceAccount: pod.ServiceAccount, Name: pod.PodName, UID: pod.PodUID},
		identity.Job{Name: a.JobName, UID: a.JobUID})
	if errors.Is(err, identity.ErrPod) {
		err = fmt.Errorf("%w: %w", api.ErrPod, err)
	}
	return err
}
