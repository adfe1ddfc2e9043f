package publish_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/lane/publish"
)

func TestSecondCallBuildsNothing(t *testing.T) {
	p := newProject(t)
	commit := p.commit()
	want, _ := p.mustPublish(commit)

	// On another machine: with nothing but what the registry proves, and with a
	// builder that cannot be started.
	p.state, p.kind = stateDir(t), "buildkit"
	t.Setenv("LANE_BIN", t.TempDir())
	t.Setenv("PATH", programs(t, "git", "go"))
	got, told := p.mustPublish(commit)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if told.of(publish.Already) != "api site worker" || told.of(publish.Compiling)+told.of(publish.Building) != "" {
		t.Errorf("it did %v", told.list)
	}
}

// What one service's failure leaves undone is all that the next call does.
func TestResumesAfterAFailure(t *testing.T) {
	p := newProject(t)
	p.write("cmd/api/main.go", "package main\n\nfunc main() { nonsense() }\n")
	_, told, err := p.publish(p.commit())
	if fail.CodeOf(err) != fail.Failed || fail.HintOf(err) == "" || !strings.Contains(err.Error(), "undefined: nonsense") || !strings.Contains(err.Error(), "publishing api") {
		t.Fatalf("got %v", err)
	}
	if told.of(publish.Done) != "site worker" || told.of(publish.Failed) != "api" {
		t.Errorf("it did %v", told.list)
	}
	p.write("cmd/api/main.go", files["cmd/api/main.go"])
	_, told = p.mustPublish(p.commit())
	if told.of(publish.Done) != "api" || told.of(publish.Already) != "site worker" {
		t.Errorf("it did %v", told.list)
	}
}

// Killed again and again at random points (LANE_KILLS times, or 20), it leaves no
// half state: what has a tag is proved, nothing keeps running, and the last call
// finishes.
func TestKilledAtRandomPoints(t *testing.T) {
	kills := 20
	if n, err := strconv.Atoi(os.Getenv("LANE_KILLS")); err == nil {
		kills = n
	}
	p := newProject(t)
	p.mustPublish(p.commit()) // fills the caches
	p.write("greet/word.txt", "warm")
	began := time.Now()
	p.mustPublish(p.commit())
	whole := time.Since(began)

	seed := rand.Uint64()
	t.Logf("seed %d, a call takes %s", seed, whole)
	random := rand.New(rand.NewPCG(seed, 0))
	steps := []publish.Step{publish.Compiling, publish.Building, publish.Building, publish.Proving, publish.Done}
	last := map[string]int{} // what the killed calls did last
	for i := 0; i < kills; {
		p.write("greet/word.txt", "hello number "+strconv.Itoa(i))
		commit := p.commit()
		for _, step := range steps {
			i++
			c := p.start(commit, "")
			wait := time.Duration(random.Int64N(int64(whole)))
			if i%2 == 0 && c.until(string(step)) {
				wait = time.Duration(random.Int64N(int64(100 * time.Millisecond)))
			}
			kill := time.AfterFunc(wait, func() { _ = syscall.Kill(c.Pid(), syscall.SIGKILL) })
			code, said := c.end()
			kill.Stop() // its pid may be another's soon
			if code != fail.OK {
				_, word, _ := strings.Cut(said[strings.LastIndexByte(strings.TrimSpace(said), '\n')+1:], " ")
				last[strings.TrimSpace(word)]++
			}
			p.noHalfState(commit)
		}
		c := p.start(commit, "")
		if code, said := c.end(); code != fail.OK {
			t.Fatalf("the last call exits %d:\n%s", code, said)
		}
		p.nothingLeft()
		p.whole(commit)
	}
	t.Logf("killed after %v", last)

	// What came of all that is what a quiet machine makes.
	commit := p.git("rev-parse", "HEAD")
	survived, _ := p.mustPublish(commit)
	quiet := newProject(t)
	quiet.dir = p.dir
	want, _ := quiet.mustPublish(commit)
	if diff := cmp.Diff(want, survived); diff != "" {
		t.Errorf("(-quiet +killed):\n%s", diff)
	}
}

// noHalfState proves everything that the commit's tags mean by now.
func (p *project) noHalfState(commit string) {
	p.Helper()
	_, doc, _ := p.planned(commit)
	for _, s := range doc.Services {
		ref := registry.Ref{Registry: p.address, Repository: p.names.Repository(s.ID)}
		d, found, err := p.registry.Head(p.Context(), ref, commit)
		if err != nil {
			p.Fatal(err)
		}
		if !found {
			continue
		}
		if _, err := p.registry.Prove(p.Context(), ref, commit, d.Digest); err != nil {
			p.Error(err)
		}
	}
}

// whole checks what a finished call wrote.
func (p *project) whole(commit string) {
	p.Helper()
	data, err := os.ReadFile(filepath.Join(p.dir, ".git", "published.json"))
	if err != nil {
		p.Fatal(err)
	}
	out, err := publish.Parse("published.json", data, p.names)
	if err != nil {
		p.Fatal(err)
	}
	if out.SourceCommitID != commit || len(out.Services) != len(services) {
		p.Errorf("published %d services of %s", len(out.Services), out.SourceCommitID)
	}
	for _, s := range out.Services {
		if _, err := p.registry.Prove(p.Context(), registry.Ref{Registry: p.address, Repository: s.Image.Repository}, commit, s.Image.Digest); err != nil {
			p.Error(err)
		}
	}
	for _, pattern := range []string{"work/*", "built/.*"} {
		if rest, _ := filepath.Glob(filepath.Join(p.state, pattern)); len(rest) > 0 {
			p.Errorf("it left %v", rest)
		}
	}
}

func TestInterruptedAtEachStep(t *testing.T) {
	p := newProject(t)
	for i, step := range []publish.Step{publish.Asking, publish.Compiling, publish.Building, publish.Proving, publish.Done} {
		p.write("greet/word.txt", "interrupted "+strconv.Itoa(i))
		commit := p.commit()
		c := p.start(commit, "")
		if !c.until(string(step)) {
			need(t, c.failure())
		}
		if err := syscall.Kill(c.Pid(), syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		code, said := c.end()
		if code != fail.Interrupted && code != fail.OK { // it may have been quicker
			t.Errorf("interrupted at %q it exits %d:\n%s", step, code, said)
		}
		p.nothingLeft()
		p.noHalfState(commit)
		p.mustPublish(commit)
	}
}
