package soak

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/kube/kubetest"
)

// trouble is what happens to every cluster in some years.
type trouble struct {
	name string
	each int                        // so many runs
	make func(dice *rand.Rand) bool // false when there is nobody to make it for
}

// plans are what is to happen, in orders that the dice decide; some things happen
// at the same time.
func (s *soak) plans(dice *rand.Rand, runs int) (plans [3][]trouble) {
	var all []trouble
	for _, t := range []trouble{
		{"manager killed", 8, s.killManager},
		{"manager released anew", 40, s.releaseManager},
		{"manager frozen", 40, s.freezeManager},
		{"runner killed", 8, s.onPod(s.killRunner)},
		{"runner killed for its memory", 40, s.onPod(s.killForMemory)},
		{"runner frozen", 20, s.onPod(s.freezeRunner)},
		{"pod deleted by hand", 20, s.onPod(s.deletePod)},
		{"Job deleted by hand", 20, s.deleteJob},
		{"Postgres crashed", 40, s.crashPostgres},
		{"tables locked", 40, s.lockTables},
		{"database connections ended", 40, s.endConnections},
		{"API server away", 40, s.loseCluster},
		{"watch too old", 40, func(*rand.Rand) bool { s.cluster.Forget(); return true }},
		{"all connections cut", 40, func(*rand.Rand) bool { s.service.cut(); return true }},
	} {
		all = append(all, slices.Repeat([]trouble{t}, max(1, runs/t.each))...)
	}
	dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i, t := range all {
		plans[i%len(plans)] = append(plans[i%len(plans)], t)
	}
	return plans
}

// makeTrouble goes through a plan. What is left when the runs have ended is left out.
func (s *soak) makeTrouble(ctx context.Context, dice *rand.Rand, plan []trouble) {
	for _, t := range plan {
		for made := false; !made; {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Duration(200+dice.IntN(2000)) * time.Millisecond):
			}
			made = t.make(dice)
		}
		s.mu.Lock()
		s.kills[t.name]++
		s.mu.Unlock()
	}
}

// killManager ends a replica as kill -9 does. Sometimes it takes a while to come back.
func (s *soak) killManager(dice *rand.Rand) bool {
	n := dice.IntN(2)
	s.replica[n].Lock()
	defer s.replica[n].Unlock()
	if err := s.managers.end(n, syscall.SIGKILL); err != nil {
		s.t.Error(err)
	}
	time.Sleep(time.Duration(dice.IntN(1500)) * time.Millisecond)
	if err := s.managers.start(n); err != nil {
		s.t.Error(err)
	}
	return true
}

func (s *soak) releaseManager(dice *rand.Rand) bool {
	n := dice.IntN(2)
	s.replica[n].Lock()
	defer s.replica[n].Unlock()
	if err := errors.Join(s.managers.end(n, syscall.SIGTERM), s.managers.start(n)); err != nil {
		s.t.Error(err)
	}
	return true
}

func (s *soak) freezeManager(dice *rand.Rand) bool {
	n := dice.IntN(2)
	s.replica[n].Lock()
	defer s.replica[n].Unlock()
	if err := s.managers.freeze(n, time.Duration(1+dice.IntN(20))*time.Second); err != nil {
		s.t.Error(err)
	}
	return true
}

// explains notes what may be told of a Job from now on.
func (s *soak) explains(job string, reason run.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hit[job] == nil {
		s.hit[job] = map[run.Reason]bool{}
	}
	s.hit[job][reason] = true
}

// onPod does something to a pod that runs; false when there is none.
func (s *soak) onPod(do func(p *pod, dice *rand.Rand) bool) func(dice *rand.Rand) bool {
	return func(dice *rand.Rand) bool {
		all := s.cluster.running()
		return len(all) > 0 && do(all[dice.IntN(len(all))], dice)
	}
}

func (s *soak) killRunner(p *pod, _ *rand.Rand) bool {
	s.explains(p.jobName, run.RunnerLost)
	return p.kill("Error")
}

func (s *soak) killForMemory(p *pod, _ *rand.Rand) bool {
	s.explains(p.jobName, run.Evicted)
	return p.kill("OOMKilled")
}

// freezeRunner stops it for less than it waits for Codex to start.
func (s *soak) freezeRunner(p *pod, dice *rand.Rand) bool {
	return p.freeze(time.Duration(1+dice.IntN(4)) * time.Second)
}

// deletePod asks the runner to end, which says so if it has begun.
func (s *soak) deletePod(p *pod, _ *rand.Rand) bool {
	s.explains(p.jobName, run.RunnerLost)
	s.explains(p.jobName, run.Evicted)
	s.cluster.terminate(p)
	return true
}

func (s *soak) deleteJob(dice *rand.Rand) bool {
	all := s.cluster.active()
	if len(all) == 0 {
		return false
	}
	name := all[dice.IntN(len(all))]
	s.explains(name, run.RunnerLost)
	s.explains(name, run.Evicted)
	s.cluster.Drop("jobs", name)
	return true
}

func (s *soak) crashPostgres(dice *rand.Rand) bool {
	s.database.Lock()
	defer s.database.Unlock()
	if err := s.postgres.Crash(); err != nil {
		s.t.Error(err)
	}
	time.Sleep(time.Duration(dice.IntN(2000)) * time.Millisecond)
	if err := s.postgres.Start(s.ctx); err != nil {
		s.t.Error(err)
	}
	return true
}

// lockTables keeps everybody from them for a while, as who changes a schema by hand.
func (s *soak) lockTables(dice *rand.Rand) bool {
	s.database.Lock() // else it is not there
	defer s.database.Unlock()
	err := pgx.BeginFunc(s.ctx, s.store.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(s.ctx, `lock table runs, attempts, events in access exclusive mode`)
		time.Sleep(time.Duration(dice.IntN(8000)) * time.Millisecond)
		return err
	})
	if err != nil && !store.Unavailable(err) { // a deadlock: others were first
		s.t.Error(err)
	}
	return err == nil
}

// endConnections is what an operator does, and a proxy that is restarted.
func (s *soak) endConnections(*rand.Rand) bool {
	_, err := s.store.Pool.Exec(s.ctx, `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()`)
	if err != nil && !store.Unavailable(err) {
		s.t.Error(err)
	}
	return err == nil
}

// loseCluster makes the API server answer nothing, or nonsense, for a while.
func (s *soak) loseCluster(dice *rand.Rand) bool {
	s.apiServer.Lock()
	defer s.apiServer.Unlock()
	how := []http.HandlerFunc{
		kubetest.Drop, kubetest.Status(http.StatusServiceUnavailable, "ServiceUnavailable", "away", ""),
	}[dice.IntN(2)]
	s.cluster.Before(func(w http.ResponseWriter, r *http.Request) bool {
		how(w, r)
		return true
	})
	time.Sleep(time.Duration(dice.IntN(3000)) * time.Millisecond)
	s.cluster.Before(nil)
	return true
}
