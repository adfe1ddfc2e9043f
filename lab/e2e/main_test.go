package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/lab/cluster"
	"github.com/pikasTech/agentrun/lab/lanes"
)

// site is the lab with the lane, opened by the first test that asks for it.
type site struct {
	lab     *cluster.Lab
	own     bool // it is to be brought down again
	options lanes.Options
	lane    *stage
	first   *lanes.Release
	err     error // why there is no lane
	taken   []figure
}

// here is the one site of all tests.
var here site

func TestMain(m *testing.M) {
	code := m.Run()
	here.figures().print(os.Stdout)
	if err := here.leave(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// long is what all tests together may take on a slow machine.
const long = 20 * time.Minute

// theLane is lane v0.1, opened and with a first release that was accepted.
func theLane(t *testing.T) *stage {
	t.Helper()
	if os.Getenv("LAB_E2E") != "1" {
		if os.Getenv("CI") == "true" {
			t.Fatal("LAB_E2E=1 is not set: under CI this test is not skipped")
		}
		t.Skip("it needs root and a lab for many minutes; set LAB_E2E=1")
	}
	if here.lane == nil && here.err == nil {
		if end, ok := t.Deadline(); ok && time.Until(end) < long/2 {
			t.Fatalf("the tests end at %s; give them more with go test -timeout 90m", end.Format(time.TimeOnly))
		}
		here.lane, here.err = here.open(context.WithoutCancel(t.Context()))
	}
	if here.err != nil {
		t.Fatal(here.err)
	}
	here.lane.T = t
	here.lane.settle()
	return here.lane
}

func setting(name, otherwise string) (string, error) {
	value := os.Getenv(name)
	if value == "" {
		value = otherwise
	}
	path, err := filepath.Abs(value)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		return "", fmt.Errorf("%w (%s says where it is; make bin/lane toolchain makes it)", err, name)
	}
	return path, nil
}

func (s *site) open(ctx context.Context) (*stage, error) {
	o := lanes.Options{Repository: "../..", Commit: "HEAD", Say: os.Stdout, Change: shortUnit, Message: shortened}
	var err error
	if o.Program, err = setting("LAB_LANE", "../../bin/lane"); err != nil {
		return nil, err
	}
	if o.Toolchain, err = setting("LAB_TOOLCHAIN", "../../.cache/toolchain"); err != nil {
		return nil, err
	}
	if o.Repository, err = filepath.Abs(o.Repository); err != nil {
		return nil, err
	}
	if s.lab, err = cluster.New(os.Stderr); err != nil {
		return nil, err
	}
	before, err := s.lab.Status(ctx)
	if err != nil {
		return nil, err
	}
	if s.own = !before.Up; !s.own && !before.Ready {
		return nil, fmt.Errorf("the lab in %s is up but not ready: lab status says why, lab down clears it away", s.lab.Dir)
	}
	if err := s.lab.Up(ctx); err != nil {
		return nil, err
	}
	s.options = o
	begin := time.Now()
	lane, err := lanes.Open(ctx, s.lab, o)
	if err != nil {
		return nil, err
	}
	s.note("open the lane", time.Since(begin))
	st := &stage{Lane: lane}
	commit, err := lane.Git(ctx, "rev-parse", "HEAD")
	if err != nil {
		return nil, err
	}
	r, err := lane.Release(ctx, commit, "--follow")
	if err != nil {
		return nil, err
	}
	if r.Code != 0 {
		return nil, fmt.Errorf("the first release ends with %d\n%s\n%s", r.Code, r.Out, r.Words)
	}
	s.first = r
	return st, st.measure(ctx, "first release", r)
}

// leave brings the lab down if it was brought up here.
func (s *site) leave() error {
	if !s.own || os.Getenv("LAB_KEEP") == "1" {
		return nil
	}
	if err := s.lab.Down(context.Background()); err != nil {
		return errors.Join(errors.New("the lab was not brought down"), err)
	}
	return nil
}
