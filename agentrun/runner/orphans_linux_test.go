package runner

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/internal/child"
)

// TestReapOrphans: what the agent leaves behind does not wait for the end of the run to
// be gone, and Codex's own end is still for whoever waits for it. This binary plays the
// runner, whose children are its own.
func TestReapOrphans(t *testing.T) {
	if os.Getenv("REAP_ORPHANS") != "" {
		must(t, reapOrphans())
		return
	}
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self, "-test.run=^TestReapOrphans$")
	cmd.Env = append(os.Environ(), "REAP_ORPHANS=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// reapOrphans starts a child that leaves some behind and ends too, and takes in all the
// others.
func reapOrphans() error {
	if err := Adopt(); err != nil {
		return err
	}
	own, release, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd := exec.Command("sh", "-c", "for i in 1 2 3 4 5; do (setsid true & true &); done; read line; exit 7")
	cmd.Stdin = own
	p, err := child.Start(cmd)
	if err != nil {
		return err
	}
	if err := zombies(10); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); len(childrenOf(os.Getpid())) > 1; time.Sleep(time.Millisecond) {
		if ReapOrphans(p.Pid()); time.Now().After(deadline) {
			return errors.New("they are never taken in")
		}
	}
	// Its end is not taken while nobody has heard of it yet.
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		for {
			select {
			case <-p.Done():
				return
			default:
				ReapOrphans(p.Pid())
			}
		}
	}()
	release.Close()
	<-stop
	if exit := new(exec.ExitError); !errors.As(p.Err(), &exit) || exit.ExitCode() != 7 {
		return fmt.Errorf("codex's own end is %w", p.Err())
	}
	return nil
}

// zombies waits for that many children that have ended and that nobody took in.
func zombies(want int) error {
	n := 0
	for deadline := time.Now().Add(time.Minute); n < want; time.Sleep(time.Millisecond) {
		n = 0
		for _, pid := range childrenOf(os.Getpid()) {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if err == nil && strings.HasPrefix(string(stat[bytes.LastIndexByte(stat, ')'):]), ") Z") {
				n++
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the agent leaves %d behind", n)
		}
	}
	return nil
}

func TestParentIn(t *testing.T) {
	own, err := os.ReadFile("/proc/self/stat")
	must(t, err)
	if got := parentIn(own); got != os.Getppid() {
		t.Errorf("the parent is %d, not %d", got, os.Getppid())
	}
	for stat, want := range map[string]int{
		"7 (sh) S 5 7 7": 5, "7 (a) S 3 (b)) R 5 7": 5, "7 (a\n) ) Z 1 0": 1,
		"": 0, "7 (sh)": 0, "7 (sh) S": 0, "7 (sh) S x": 0, "7 (sh) S -1": 0, ") ": 0,
	} {
		if got := parentIn([]byte(stat)); got != want {
			t.Errorf("the parent in %q is %d, not %d", stat, got, want)
		}
	}
}

func FuzzParentIn(f *testing.F) {
	f.Add([]byte("7 (sh) S 5 7 7"))
	f.Add([]byte("7 (a) b) S 5"))
	f.Fuzz(func(t *testing.T, stat []byte) {
		if parentIn(stat) < 0 {
			t.Errorf("%q has a parent below 0", stat)
		}
	})
}
