package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/codex/fakecodex"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/kube/kubetest"
)

// task is what a run is asked for, and how it ends when nothing befalls it.
type task struct {
	name     string
	request  run.Request
	cancel   bool // by its user, at some time
	state    run.State
	reason   run.Reason
	final    string // last words
	attempts int    // that it takes
}

func tasks() []task {
	const tries = 5
	hello := "Hello from a model that does what it is told."
	ok := func(name, final string) task {
		return task{name: name, request: run.Request{Prompt: name, MaxAttempts: tries}, state: run.Succeeded, final: final, attempts: 1}
	}
	chat := ok("chat", fmt.Sprintf("message %d", fakecodex.Messages))
	dropped := ok("chat", chat.final)
	dropped.name, dropped.cancel = "chat, cancelled", true
	fails := func(name string, reason run.Reason, attempts int) task {
		return task{name: name, request: run.Request{Prompt: name, MaxAttempts: max(2, attempts)}, state: run.Failed, reason: reason, attempts: attempts}
	}
	return append(slices.Repeat([]task{chat}, 9),
		ok("hello", hello), ok("exec", "done"), ok("patch", "done"), ok("patch", "done"), ok("flood", "many words"), ok("long_line", "that was long"),
		fails("fail_401", run.AuthRejected, 1), fails("crash_mid_turn", run.AppServerCrashed, 1), fails("cut", run.ProviderUnavailable, 2),
		task{name: "hang, deadline", request: run.Request{Prompt: "hang", MaxAttempts: tries, Deadline: 4}, state: run.TimedOut, attempts: 1},
		task{name: "hang, cancelled", request: run.Request{Prompt: "hang", MaxAttempts: tries}, state: run.Cancelled, attempts: 1, cancel: true},
		dropped,
	)
}

// story is a run and what its reader saw.
type story struct {
	task
	id     string
	events []run.Event
	err    error
}

// soak is one under way.
type soak struct {
	*world
	ctx     context.Context
	stories []*story
	cuts    *cuts

	replica             [2]sync.Mutex // held by whoever ends and starts it, as are these
	database, apiServer sync.Mutex

	mu    sync.Mutex
	kills map[string]int
	hit   map[string]map[run.Reason]bool // by Job: what may be told as the cause, from what was done to it
}

// TestSoak: whatever is killed, each run ends for a cause that it had, no event is lost
// or told twice, and nothing is left.
func TestSoak(t *testing.T) {
	runs := number(t, "AGENTRUN_SOAK_RUNS", 20)
	seed := number(t, "AGENTRUN_SOAK_SEED", 1+rand.IntN(1<<30))
	t.Logf("%d runs; AGENTRUN_SOAK_SEED=%d makes the same choices", runs, seed)
	dice := rand.New(rand.NewPCG(uint64(seed), 0))
	s := &soak{world: newWorld(t, 12), ctx: t.Context(), kills: map[string]int{}, hit: map[string]map[run.Reason]bool{}}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = 30 * time.Second
	t.Cleanup(transport.CloseIdleConnections)
	s.cuts = &cuts{next: transport, dice: rand.New(rand.NewPCG(uint64(seed), 1))}
	all := tasks()
	order := dice.Perm(runs)
	for _, n := range order {
		s.stories = append(s.stories, &story{task: all[n%len(all)]})
	}
	began := time.Now()
	var users sync.WaitGroup
	var pauses, cancels []time.Duration
	for range s.stories {
		pauses = append(pauses, time.Duration(dice.IntN(400))*time.Millisecond)
		cancels = append(cancels, time.Duration(dice.IntN(6000))*time.Millisecond)
	}
	users.Go(func() {
		for i, one := range s.stories {
			users.Go(func() { s.use(one, cancels[i]) })
			time.Sleep(pauses[i])
		}
	})
	trouble, over := context.WithCancel(s.ctx)
	var troubled sync.WaitGroup
	s.service.lose(true)
	for _, plan := range s.plans(dice, runs) {
		own := rand.New(rand.NewPCG(dice.Uint64(), 0))
		troubled.Go(func() { s.makeTrouble(trouble, own, plan) })
	}
	users.Wait()
	over()
	troubled.Wait()
	s.service.lose(false)
	s.atRest()
	took := time.Since(began)
	s.judge()
	s.leaves()
	s.table(took)
}

// use is what a user does with a run: submit it, follow it to its end over all that
// happens, and perhaps not want it any more.
func (s *soak) use(one *story, patience time.Duration) {
	c := s.client()
	c.HTTP.Transport = s.cuts
	made, err := c.Submit(s.ctx, one.request, "")
	if err != nil {
		one.err = fmt.Errorf("submitting: %w", err)
		return
	}
	one.id = made.ID
	var leaving sync.WaitGroup
	defer leaving.Wait()
	begun := make(chan struct{})
	if one.cancel {
		leaving.Go(func() {
			if patience > 2*time.Second { // the others do not wait for their turn
				<-begun
				patience -= 2 * time.Second
			}
			time.Sleep(patience)
			if _, err := c.Cancel(s.ctx, one.id); err != nil {
				s.t.Errorf("cancelling %s: %v", one.id, err)
			}
		})
	}
	var once sync.Once
	begin := func() { once.Do(func() { close(begun) }) }
	defer begin()
	for e, err := range c.Watch(s.ctx, one.id, 0) {
		if e.Attempt > 0 {
			begin()
		}
		if err != nil {
			one.err = fmt.Errorf("watching: %w", err)
			return
		}
		one.events = append(one.events, e)
	}
}

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

func (s *soak) freezeRunner(p *pod, dice *rand.Rand) bool {
	return p.freeze(time.Duration(1+dice.IntN(10)) * time.Second)
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

// table prints what the soak was.
func (s *soak) table(took time.Duration) {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	ends, attempts, events := map[string]int{}, map[int]int{}, 0
	for _, one := range s.stories {
		if len(one.events) == 0 {
			continue
		}
		last := one.events[len(one.events)-1]
		ends[strings.TrimSpace(fmt.Sprintf("%s %s", stateOf(last).State, stateOf(last).Reason))]++
		attempts[last.Attempt]++
		events += len(one.events)
	}
	row := func(what string, n any) { fmt.Fprintf(w, "%s\t%v\n", what, n) }
	row("runs", len(s.stories))
	for _, name := range slices.Sorted(maps.Keys(ends)) {
		row("  "+name, ends[name])
	}
	for _, n := range slices.Sorted(maps.Keys(attempts)) {
		row(fmt.Sprintf("  after %d attempts", n), attempts[n])
	}
	row("events", events)
	for _, name := range slices.Sorted(maps.Keys(s.kills)) {
		row(name, s.kills[name])
	}
	row("streams", s.cuts.streams.Load())
	row("  cut by their reader", s.cuts.made.Load())
	row("connections that lost an answer", s.service.lost)
	row("duration", took.Round(time.Second))
	if err := w.Flush(); err != nil {
		s.t.Error(err)
	}
	s.t.Logf("\n%s", b.String())
}
