package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/lab/lanes"
	"github.com/pikasTech/agentrun/lab/process"
)

// stage is an opened lane for one test.
type stage struct {
	*lanes.Lane
	*testing.T
}

// shortened is what the lab's commit says about shortUnit.
const shortened = "The unit tests of a release are few here, because many releases are made: the\ndemo runs them all."

// shortTests is the recipe then.
const shortTests = "\tgo test -short ./lane/names ./cmd/agentrun-runner"

var unitTarget = regexp.MustCompile(`(?m)^\tgo test -short .*$`)

// shortUnit makes the Makefile's unit target run the tests of few packages.
func shortUnit(clone string) error {
	return edit(filepath.Join(clone, "Makefile"), func(text string) (string, error) {
		if !unitTarget.MatchString(text) {
			return "", errors.New("the Makefile's unit target is not as it was")
		}
		return unitTarget.ReplaceAllLiteralString(strings.ReplaceAll(text, holding, ""), shortTests), nil
	})
}

func edit(file string, change func(string) (string, error)) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	changed, err := change(string(text))
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(changed), 0o644)
}

// settle waits until the lane is accepted, and sees to it that a test that fails
// leaves it so.
func (s *stage) settle() {
	s.Helper()
	s.accepted()
	good := s.sourceHead()
	s.Cleanup(func() {
		if s.Failed() {
			s.Log("it failed: bringing the lane back")
			(&stage{Lane: s.Lane, T: s.T}).restore(good)
		}
	})
}

// restore makes the lane's objects, and a release of the source as it was before a
// test.
func (s *stage) restore(good string) {
	s.letAllGo()
	if r, err := s.Try(s.lasting(), "hold", "--release", "--by", "e2e"); err != nil || r.Code != 0 {
		s.Logf("the lane may be held: %s, %v", r.Words, err)
	}
	for _, half := range []string{"tekton", "argo"} {
		if r, err := s.Try(s.lasting(), "objects", half, "--apply"); err != nil || r.Code != 0 {
			s.Logf("the lane's %s objects are not as they were: %s, %v", half, r.Words, err)
		}
	}
	s.must(s.Git(s.lasting(), "checkout", "-q", "-f", s.Names.SourceBranch))
	s.undo(good)
	if r, err := s.Release(s.lasting(), s.sourceHead(), "--follow"); err != nil || r.Code != 0 {
		s.Logf("the lane is not as it was: %+v, %v", r, err)
	}
}

// lasting is a context for what is done after the test.
func (s *stage) lasting() context.Context { return context.WithoutCancel(s.Context()) }

func (s *stage) must(out string, err error) string {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
	return out
}

func (s *stage) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// kubectl runs kubectl, which has to work.
func (s *stage) kubectl(args ...string) string {
	s.Helper()
	return strings.TrimSpace(s.must(s.Lab.Kubectl(s.lasting(), "", args...)))
}

func (s *stage) apply(yaml string) {
	s.Helper()
	s.must(s.Lab.Kubectl(s.Context(), yaml, "apply", "-f", "-"))
}

// object reads one object of the cluster into a value.
func (s *stage) object(into any, args ...string) {
	s.Helper()
	s.ok(json.Unmarshal([]byte(s.kubectl(append(args, "-o", "json")...)), into))
}

// until asks again and again, two minutes long.
func (s *stage) until(what string, ask func() error) {
	s.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("%s: not in two minutes; last: %v", what, err)
		}
		select {
		case <-s.Context().Done():
			s.Fatal(context.Cause(s.Context()))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// write writes a file of the clone.
func (s *stage) write(path, text string) {
	s.Helper()
	file := filepath.Join(s.Clone, path)
	s.ok(os.MkdirAll(filepath.Dir(file), 0o755))
	s.ok(os.WriteFile(file, []byte(text), 0o644))
}

// replace replaces a text of a file that has to be there once.
func (s *stage) replace(path, old, text string) {
	s.Helper()
	s.ok(edit(filepath.Join(s.Clone, path), func(was string) (string, error) {
		if strings.Count(was, old) != 1 {
			return "", fmt.Errorf("%s has %q %d times", path, old, strings.Count(was, old))
		}
		return strings.Replace(was, old, text, 1), nil
	}))
}

// touch changes the program of a service, so that its image becomes another one.
func (s *stage) touch(service string) {
	s.Helper()
	s.write("cmd/"+service+"/e2e.go", fmt.Sprintf(`package main

import "os"

// changed is another text in every commit that touches this program, and nobody
// ever prints it.
const changed = %q

func init() {
	if len(os.Args) > 1<<16 {
		println(changed)
	}
}
`, s.Name()+time.Now().Format(time.RFC3339Nano)))
}

// commit commits what was written.
func (s *stage) commit(message string) string {
	s.Helper()
	return s.must(s.Commit(s.lasting(), message+"\n\nFor the test "+s.Name()+"."))
}

// readme commits something that no service reads.
func (s *stage) readme() string {
	s.Helper()
	s.write("docs/e2e.md", fmt.Sprintf("# A page\n\nIt was changed for %s at %s.\n", s.Name(), time.Now().Format(time.RFC3339Nano)))
	return s.commit("docs: a page that no service reads")
}

// undo takes back the last commits, by a new one.
func (s *stage) undo(to string) {
	s.Helper()
	s.must(s.Git(s.lasting(), "checkout", "-q", to, "--", "."))
	for path := range strings.FieldsSeq(s.must(s.Git(s.lasting(), "diff", "--name-only", "--diff-filter=A", to))) {
		s.must(s.Git(s.lasting(), "rm", "-q", "-f", path))
	}
	s.commit("as it was before")
}

func (s *stage) sourceHead() string {
	s.Helper()
	return s.must(s.Git(s.lasting(), "rev-parse", "HEAD"))
}

// gitopsHead is where the GitOps branch is.
func (s *stage) gitopsHead() string {
	s.Helper()
	head, _, _ := strings.Cut(s.must(s.Git(s.lasting(), "ls-remote", "origin", "refs/heads/"+s.Names.GitopsBranch)), "\t")
	return head
}

// gitops runs git on the GitOps branch as it is now, which is @.
func (s *stage) gitops(args ...string) string {
	s.Helper()
	s.must(s.Git(s.lasting(), "fetch", "-q", "origin", "+refs/heads/"+s.Names.GitopsBranch+":refs/e2e/gitops"))
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "@", "refs/e2e/gitops")
	}
	return s.must(s.Git(s.lasting(), args...))
}

// release releases a commit to its end.
func (s *stage) release(commit string, flags ...string) *lanes.Release {
	s.Helper()
	r, err := s.Release(s.Context(), commit, append([]string{"--follow"}, flags...)...)
	s.ok(err)
	return r
}

// released releases a commit, which has to be accepted; as says what of.
func (s *stage) released(as, commit string) *lanes.Release {
	s.Helper()
	r := s.release(commit)
	if r.Code != 0 || r.Run == nil || r.Run.State != "succeeded" {
		s.Fatalf("the release of %s ends with %d\n%s\n%s", commit, r.Code, r.Out, r.Words)
	}
	s.ok(s.measure(s.Context(), as, r))
	return r
}

// ends says that a release ended with a code and said some words.
func (s *stage) ends(r lanes.Result, code int, words ...string) {
	s.Helper()
	said := string(r.Out) + r.Words
	if r.Code != code {
		s.Errorf("it ended with %d, not %d", r.Code, code)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			s.Errorf("it does not say %q", w)
		}
	}
	if s.Failed() {
		s.Logf("it said:\n%s", said)
	}
}

// verify is the verdict as it is now.
func (s *stage) verify() *lanes.Verdict {
	s.Helper()
	v, err := s.Verify(s.Context())
	s.ok(err)
	here.verified(v)
	if v.Accepted != (v.Code == 0) || !v.Accepted && v.Code != 3 {
		s.Errorf("verify says accepted %t and ends with %d", v.Accepted, v.Code)
	}
	return v
}

// accepted waits until the lane is accepted.
func (s *stage) accepted() *lanes.Verdict {
	s.Helper()
	var last *lanes.Verdict
	s.until("the lane is accepted", func() error {
		if last = s.verify(); last.Accepted {
			return nil
		}
		return errors.New(strings.Join(wrong(last), "\n"))
	})
	return last
}

// wrong is what a verdict is not content with.
func wrong(v *lanes.Verdict) []string {
	var lines []string
	for _, link := range v.Links {
		for _, f := range link.Findings {
			for _, o := range f.Observations {
				if o.State != "matched" && o.State != "skipped" {
					lines = append(lines, f.Rule+" "+o.String())
				}
			}
		}
	}
	return lines
}

// contradicted waits until the verdict contradicts a rule by an observation that
// has all the words.
func (s *stage) contradicted(rule string, words ...string) *lanes.Verdict {
	s.Helper()
	var last *lanes.Verdict
	s.until("verify contradicts "+rule, func() error {
		last = s.verify()
		if f := last.Finding(rule); f.State == "contradicted" {
		next:
			for _, o := range f.Observations {
				for _, w := range words {
					if o.State != "contradicted" || !strings.Contains(o.String(), w) {
						continue next
					}
				}
				return nil
			}
		}
		return fmt.Errorf("no %s with %q in\n%s", rule, words, strings.Join(wrong(last), "\n"))
	})
	if last.Accepted {
		s.Error("it is accepted all the same")
	}
	return last
}

// pods are the ids of a service's pods, of which there has to be one at least.
func (s *stage) pods(service string) string {
	s.Helper()
	ids := s.must(s.Pods(s.Context(), service))
	if ids == "" {
		s.Fatalf("%s has no pod", service)
	}
	return ids
}

// tags are the images of a service in the registry.
func (s *stage) tags() string {
	s.Helper()
	var all []string
	for _, service := range []string{"agentrun-mgr", "agentrun-runner"} {
		body, _, err := s.registry("GET", "/v2/"+s.Names.Project+"/"+service+"/tags/list")
		s.ok(err)
		all = append(all, body)
	}
	return strings.Join(all, "\n")
}

// stop ends one of the lab's daemons for as long as the test wants, and returns
// what starts it again.
func (s *stage) stop(name string) (start func()) {
	s.Helper()
	table := process.Table{Dir: filepath.Join(s.Lab.Dir, "run", "processes"), Logs: filepath.Join(s.Lab.Dir, "logs")}
	p := table.Get(name)
	if !p.Alive() {
		s.Fatalf("%s does not run", name)
	}
	spec, path, err := again(name, p.Pid)
	s.ok(err)
	table.PATH = path
	ns := s.Lab.Namespace()
	spec.Namespace = &ns
	s.ok(p.Stop(s.Context(), 5*time.Second))
	done := false
	start = func() {
		s.Helper()
		if done {
			return
		}
		done = true
		if err := table.Start(spec); err != nil {
			s.Error(err)
			return
		}
		s.ready()
	}
	s.Cleanup(start)
	return start
}

// ready waits until the lab is whole.
func (s *stage) ready() {
	s.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		status, err := s.Lab.Status(context.WithoutCancel(s.Context()))
		if err == nil && status.Ready {
			return
		}
		if time.Now().After(deadline) {
			s.Errorf("the lab is not ready again: %+v, %v", status, err)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// again is how a running daemon was started.
func again(name string, pid int) (process.Spec, string, error) {
	proc := fmt.Sprintf("/proc/%d/", pid)
	args, err := os.ReadFile(proc + "cmdline")
	if err != nil {
		return process.Spec{}, "", err
	}
	environ, err := os.ReadFile(proc + "environ")
	if err != nil {
		return process.Spec{}, "", err
	}
	spec := process.Spec{Name: name}
	spec.Args = strings.Split(strings.TrimSuffix(string(args), "\x00"), "\x00")
	// Some programs are several, by the name that they are called by.
	spec.Path, spec.Args = spec.Args[0], spec.Args[1:]
	if spec.Home, err = os.Readlink(proc + "cwd"); err != nil {
		return spec, "", err
	}
	owner, err := os.Stat(proc)
	if err != nil {
		return spec, "", err
	}
	if is, ok := owner.Sys().(*syscall.Stat_t); ok && is.Uid != 0 { // Postgres refuses to be root
		spec.User = &syscall.Credential{Uid: is.Uid, Gid: is.Gid}
	}
	var path string
	for variable := range strings.SplitSeq(strings.TrimSuffix(string(environ), "\x00"), "\x00") {
		switch key, value, _ := strings.Cut(variable, "="); key {
		case "PATH":
			path = value
		case "HOME", "":
		default:
			spec.Env = append(spec.Env, variable)
		}
	}
	return spec, path, nil
}
