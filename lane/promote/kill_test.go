package promote_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A process that is killed at any moment (LANE_KILLS times, or 20), with or
// without its git, leaves the branch at the old or the new commit, and a cache
// that does not stop the next one.
func TestKilledAtAnyMoment(t *testing.T) {
	kills := 20
	if n, err := strconv.Atoi(os.Getenv("LANE_KILLS")); err == nil {
		kills = n
	}
	w := newWorld(t, kills+2)
	cache := t.TempDir()
	start := time.Now()
	if out, err := runAlone(t, w, cache, w.commits[0]); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	whole := time.Since(start)
	arrived := 0
	for i := 1; i <= kills; i++ {
		cmd := exec.Command(os.Args[0])
		cmd.Env = w.alone(cache, w.commits[i])
		before := w.head(t)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(whole)) // where it is by then does not matter
		if i%2 == 0 {
			killChildren(cmd.Process.Pid)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if w.head(t) != before {
			arrived++
		}
	}
	t.Logf("%d of %d had pushed when they were killed", arrived, kills)
	out, err := runAlone(t, w, cache, w.commits[kills+1])
	if err != nil {
		t.Fatalf("the next promotion: %v: %s", err, out)
	}
	promoted := w.sound(t)
	if last := promoted[len(promoted)-1]; last != w.commits[kills+1] {
		t.Errorf("the branch ends with %s", last)
	}
	// No commit is half of a release.
	for id := range strings.FieldsSeq(w.git(t, "rev-list", "--max-count="+strconv.Itoa(len(promoted)-1), w.branch.Names.GitopsRef())) {
		files := w.short(strings.Fields(w.git(t, "ls-tree", "-r", "--name-only", id)))
		source := w.git(t, "log", "-1", "--format=%(trailers:key=Lane-Source-Commit,valueonly,separator=)", id)
		catalog := w.git(t, "show", id+":"+w.branch.Names.ArtifactCatalog)
		if strings.Join(files, " ") != "catalog namespace.yaml services/api.yaml" || !strings.Contains(catalog, `"sourceCommitId": "`+source+`"`) {
			t.Errorf("commit %s has %q, trailer %s", id, files, source)
		}
	}
	locks, err := filepath.Glob(filepath.Join(cache, "*.lock"))
	if err != nil || len(locks) != 1 {
		t.Errorf("locks %q", locks)
	}
}

// killChildren kills what the process pid has started itself.
func killChildren(pid int) {
	lists, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, list := range lists {
		data, _ := os.ReadFile(list)
		for child := range strings.FieldsSeq(string(data)) {
			if id, err := strconv.Atoi(child); err == nil {
				_ = syscall.Kill(id, syscall.SIGKILL)
			}
		}
	}
}

// runAlone promotes in another process, behind a wrapper if one is given.
func runAlone(t *testing.T, w *world, cache, commit string, wrap ...string) (string, error) {
	t.Helper()
	argv := append(wrap, os.Args[0])
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Env = w.alone(cache, commit)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// No byte can be written any more: the disk is full, or the quota reached. The
// branch is unharmed, and with room again the next run succeeds.
func TestFullDisk(t *testing.T) {
	w := newWorld(t, 3)
	cache := t.TempDir()
	before := w.head(t)
	for _, blocks := range []string{"0", "1", "2"} { // no file may grow over that many half kilobytes
		out, err := runAlone(t, w, cache, w.commits[1], "sh", "-c", "ulimit -f "+blocks+`; exec "$@"`, "sh")
		t.Logf("%s blocks: %s", blocks, out)
		if err == nil && blocks == "0" {
			t.Error("it promoted without writing anything")
		}
		if err != nil && !strings.Contains(out, "cache folder that can be written and has room") {
			t.Errorf("%v: %s", err, out)
		}
		if err != nil && w.head(t) != before {
			t.Error("the branch moved")
		}
	}
	if out, err := runAlone(t, w, cache, w.commits[2]); err != nil {
		t.Errorf("with room again: %v: %s", err, out)
	}
	w.sound(t)
}
