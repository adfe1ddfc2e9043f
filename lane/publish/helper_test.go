package publish_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/publish"
	"github.com/pikasTech/agentrun/lane/publish/builder"
)

// TestMain lets the test binary play `lane publish`, so that tests can stop it
// as a person or a machine would.
func TestMain(m *testing.M) {
	if os.Getenv("PUBLISH_TEST") == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT)
	defer stop()
	err := helper(ctx, strings.Split(os.Getenv("PUBLISH_TEST"), "\n"))
	if err != nil {
		fmt.Println("error:", err)
		fmt.Println("hint:", fail.HintOf(err))
	}
	os.Exit(int(fail.CodeOf(err)))
}

// helper publishes a commit and prints the steps.
func helper(ctx context.Context, args []string) error {
	dir, address, state, commit, kind, room := args[0], args[1], args[2], args[3], args[4], args[5]
	if room != "" {
		if err := syscall.Mount("tmpfs", state, "tmpfs", 0, "size="+room); err != nil {
			return fmt.Errorf("mounting a small disk: %w", err)
		}
	}
	repo, err := git.Open(ctx, dir)
	if err != nil {
		return err
	}
	doc, components, err := makePlan(ctx, repo, commit, kind, services)
	if err != nil {
		return err
	}
	reg := registry.New(false)
	p := &publish.Publisher{
		Repo: repo, Names: laneNames(nil), Registry: reg, Address: address, State: state,
		Progress: func(e publish.Event) { fmt.Printf("%s %s\n", e.Service, e.Step) },
		Builder: func(ctx context.Context, hasRun bool) (builder.Builder, error) {
			return builder.Start(ctx, kind, builder.Options{Bin: bin(), Dir: state, Registry: reg}, hasRun)
		},
	}
	out, err := p.Run(ctx, doc, components)
	if err != nil {
		return err
	}
	data, err := out.Encode()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, ".git", "published.json"), data, 0o600)
}

// makePlan is a plan that builds all of the services at commit.
func makePlan(ctx context.Context, repo *git.Repo, commit, kind string, services []intent.Service) (*plan.Plan, []*plan.Component, error) {
	own, err := publish.OwnImage()
	if err != nil {
		return nil, nil, err
	}
	loader := &plan.Loader{Repo: repo, Builder: builderName(kind), OwnImage: own}
	snapshot, err := loader.Snapshot(ctx, commit)
	if err != nil {
		return nil, nil, err
	}
	components, err := snapshot.Components(ctx, services)
	if err := errors.Join(err, snapshot.Close()); err != nil {
		return nil, nil, err
	}
	doc := &plan.Plan{Project: "demo", Lane: "v0.1", SourceCommitID: commit, Builder: loader.Builder}
	for _, c := range components {
		doc.Services = append(doc.Services, plan.Service{ID: c.ServiceID, Decision: plan.Build, Identity: c.Identity()})
	}
	return doc, components, nil
}

// process is a running helper.
type process struct {
	*child.Process
	steps *bufio.Reader
	said  strings.Builder // what was read of steps
	out   *os.File
}

// start runs the helper on a commit. With room its state is a disk of that size.
func (p *project) start(commit, room string) *process {
	p.Helper()
	self, err := os.Executable()
	if err != nil {
		p.Fatal(err)
	}
	out, w, err := os.Pipe()
	if err != nil {
		p.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "PUBLISH_TEST="+strings.Join([]string{p.dir, p.address, p.state, commit, p.kind, room}, "\n"))
	cmd.Stdout, cmd.Stderr = w, w
	if room != "" {
		cmd.SysProcAttr = ownMounts()
	}
	c, err := child.Start(cmd)
	w.Close()
	if err != nil {
		p.Fatal(err)
	}
	proc := &process{Process: c, steps: bufio.NewReader(out), out: out}
	p.Cleanup(func() {
		proc.Stop()
		out.Close()
	})
	return proc
}

// until reads steps until one contains text, or to the end.
func (c *process) until(text string) bool {
	for {
		line, err := c.steps.ReadString('\n')
		c.said.WriteString(line)
		if text != "" && strings.Contains(line, text) {
			return true
		}
		if err != nil {
			return false
		}
	}
}

// end waits for the helper and returns its exit code and all that it said.
func (c *process) end() (fail.Code, string) {
	_, _ = io.Copy(&c.said, c.steps)
	err := c.Err()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fail.Code(exit.ExitCode()), c.said.String()
	}
	return fail.CodeOf(err), c.said.String()
}

// left are the command lines of processes that work in the state folder.
func (p *project) left() []string {
	var list []string
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		p.Fatal(err)
	}
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(line), p.state) {
			list = append(list, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return list
}

// nothingLeft waits until no process works in the state folder; the test's own
// time limit ends the wait.
func (p *project) nothingLeft() {
	p.Helper()
	for len(p.left()) > 0 {
		select {
		case <-p.Context().Done():
			p.Fatalf("still running: %q", p.left())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// failure is what the helper says went wrong.
func (c *process) failure() error {
	code, said := c.end()
	_, hint, _ := strings.Cut(said, "hint: ")
	return &fail.Error{Code: code, Err: errors.New(said), Hint: strings.TrimSpace(hint)}
}
