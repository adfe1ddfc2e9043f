package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pikasTech/agentrun/lab/lanes"
	"github.com/pikasTech/agentrun/lab/process"
)

// holding is what the unit target does in a commit whose run waits in check until it
// is let go: its plan is made by then, and nothing is published.
const holding = "\n\tuntil test -e ../go-on; do sleep 0.2; done"

// hold makes the next commit one whose run waits; unhold takes that back.
func (s *stage) hold() {
	s.Helper()
	s.replace("Makefile", shortTests, shortTests+holding)
}

func (s *stage) unhold() {
	s.Helper()
	s.replace("Makefile", shortTests+holding, shortTests)
}

// volume is a folder of the lane's volume, on this machine.
func (s *stage) volume(elements ...string) string {
	s.Helper()
	name := s.kubectl("-n", s.Names.TektonNamespace, "get", "pvc", "-l", "lane.agentrun.dev/lane="+s.Names.Lane, "-o", "jsonpath={.items[0].spec.volumeName}")
	return filepath.Join(append([]string{s.Lab.Dir, "data", "volumes", name}, elements...)...)
}

// held waits until a commit's run waits, and gives its name and what lets it go on.
func (s *stage) held(commit string) (run string, letGo func()) {
	s.Helper()
	run = s.running(commit)
	s.until(run+" waits in check", func() error {
		var tasks struct{ Items []taskRun }
		s.object(&tasks, "-n", s.Names.TektonNamespace, "get", "taskruns", "-l", "tekton.dev/pipelineRun="+run)
		planned, tested := false, false
		for _, task := range tasks.Items {
			switch task.task() {
			case "plan":
				planned = !task.Status.Completion.IsZero()
			case "check":
				for _, step := range task.Status.Steps {
					tested = tested || step.Name == "tests" && step.Running != nil
				}
			}
		}
		if !planned || !tested {
			return fmt.Errorf("planned %t, at the tests %t", planned, tested)
		}
		return nil
	})
	file := s.volume("runs", run, "go-on")
	letGo = func() { _ = os.WriteFile(file, nil, 0o644) } // after the test the run may be gone
	s.Cleanup(letGo)
	return run, letGo
}

// letAllGo lets runs go on that a test left behind.
func (s *stage) letAllGo() {
	s.Helper()
	folders, err := filepath.Glob(s.volume("runs", "*"))
	s.ok(err)
	for _, folder := range folders {
		s.ok(os.WriteFile(filepath.Join(folder, "go-on"), nil, 0o644))
	}
}

// running waits for a commit's active run.
func (s *stage) running(commit string) (run string) {
	s.Helper()
	s.until("a run of "+commit, func() error {
		run = s.kubectl("-n", s.Names.TektonNamespace, "get", "pipelineruns", "-l", "lane.agentrun.dev/commit="+commit, "-o",
			`jsonpath={.items[?(@.status.conditions[0].status=="Unknown")].metadata.name}`)
		if run == "" {
			return errors.New("there is none that goes on")
		}
		return nil
	})
	return run
}

// end is how a release ended.
type end struct {
	*lanes.Release
	err error
}

// begin begins a release that goes on beside the test.
func (s *stage) begin(commit string) <-chan end {
	s.Helper()
	ends := make(chan end, 1)
	go func() {
		r, err := s.Release(s.Context(), commit, "--follow")
		ends <- end{r, err}
	}()
	return ends
}

// ended waits for it.
func (s *stage) ended(ends <-chan end) *lanes.Release {
	s.Helper()
	e := <-ends
	s.ok(e.err)
	return e.Release
}

// freeze stops a daemon of the lab without ending it, and gives what lets it go on.
func (s *stage) freeze(name string) (thaw func()) {
	s.Helper()
	p := process.Table{Dir: filepath.Join(s.Lab.Dir, "run", "processes")}.Get(name)
	if !p.Alive() {
		s.Fatalf("%s does not run", name)
	}
	s.ok(syscall.Kill(p.Pid, syscall.SIGSTOP))
	thaw = func() {
		if p.Alive() {
			_ = syscall.Kill(p.Pid, syscall.SIGCONT)
		}
	}
	s.Cleanup(thaw)
	return thaw
}

// push commits a file to the GitOps branch by hand, as nobody should.
func (s *stage) push(path, text string) (commit string) {
	s.Helper()
	s.gitops("rev-parse", "@")
	tree := s.TempDir()
	s.must(s.Git(s.Context(), "worktree", "add", "-q", "--force", "--detach", tree, "refs/e2e/gitops"))
	s.ok(os.MkdirAll(filepath.Dir(filepath.Join(tree, path)), 0o755))
	s.ok(os.WriteFile(filepath.Join(tree, path), []byte(text), 0o644))
	for _, args := range [][]string{
		{"-C", tree, "add", "-A"},
		{"-C", tree, "commit", "-q", "-m", "by hand"},
		{"-C", tree, "push", "-q", "origin", "HEAD:refs/heads/" + s.Names.GitopsBranch},
	} {
		s.must(s.Git(s.Context(), args...))
	}
	commit = s.must(s.Git(s.Context(), "-C", tree, "rev-parse", "HEAD"))
	s.must(s.Git(s.Context(), "worktree", "remove", "--force", tree))
	return commit
}

// log is what a step of a run said.
func (s *stage) log(run, task, step string) string {
	s.Helper()
	var tasks struct {
		Items []struct {
			Metadata struct {
				Labels map[string]string `json:"labels"`
			} `json:"metadata"`
			Status struct {
				Pod string `json:"podName"`
			} `json:"status"`
		}
	}
	s.ok(json.Unmarshal([]byte(s.kubectl("-n", s.Names.TektonNamespace, "get", "taskruns", "-l", "tekton.dev/pipelineRun="+run, "-o", "json")), &tasks))
	for _, t := range tasks.Items {
		if t.Metadata.Labels["tekton.dev/pipelineTask"] == task {
			return s.kubectl("-n", s.Names.TektonNamespace, "logs", t.Status.Pod, "-c", "step-"+step)
		}
	}
	s.Fatalf("%s has no task %s", run, task)
	return ""
}
