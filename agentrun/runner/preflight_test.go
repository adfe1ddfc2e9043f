package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/fail"
)

// attempt is a Job's file system.
type attempt struct{ job, workspace, home string }

func prepare(t *testing.T) attempt {
	t.Helper()
	dir := t.TempDir()
	a := attempt{filepath.Join(dir, "job.json"), filepath.Join(dir, "workspace"), filepath.Join(dir, "codex-home")}
	must(t, os.Mkdir(a.workspace, 0o755))
	must(t, os.Mkdir(a.home, 0o755))
	must(t, os.WriteFile(filepath.Join(a.home, "auth.json"), []byte(auth), 0o600))
	must(t, os.WriteFile(filepath.Join(a.home, "config.toml"), []byte(config), 0o600))
	a.describe(t, a.workspace, a.home)
	return a
}

func (a attempt) describe(t *testing.T, workspace, home string) {
	t.Helper()
	text := strings.NewReplacer("/workspace\"", workspace+"\"", "/codex-home\"", home+"\"").Replace(description)
	must(t, os.WriteFile(a.job, []byte(text), 0o644))
}

func TestPreflightChangesNothing(t *testing.T) {
	a := prepare(t)
	before := listing(t, filepath.Dir(a.job))
	for _, env := range []string{"", a.home} {
		job, err := Preflight(a.job, env)
		if err != nil {
			t.Fatal(err)
		}
		if job.Workspace != a.workspace || job.CodexHome != a.home {
			t.Errorf("got %+v", job)
		}
	}
	if diff := cmp.Diff(before, listing(t, filepath.Dir(a.job))); diff != "" {
		t.Error(diff)
	}
}

func TestPreflightRefuses(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(t *testing.T, a attempt)
		why   []string
	}{
		{"no job description", func(t *testing.T, a attempt) { must(t, os.Remove(a.job)) }, []string{"job.json: there is no job description"}},
		{"job description is a folder", func(t *testing.T, a attempt) {
			must(t, os.Remove(a.job))
			must(t, os.Mkdir(a.job, 0o755))
		}, []string{"job.json: the job description cannot be read: it is not a file"}},
		{"job description is too large", func(t *testing.T, a attempt) { must(t, os.Truncate(a.job, 2*documentBytes)) }, []string{"cannot be read: it is too large"}},
		{"job description is invalid", func(t *testing.T, a attempt) { must(t, os.WriteFile(a.job, []byte("{"), 0o644)) }, []string{"job.json:1:2: not valid JSON"}},
		{"no workspace", func(t *testing.T, a attempt) { must(t, os.Remove(a.workspace)) }, []string{"workspace: the workspace is not a writable folder: no such file"}},
		{"workspace is a file", func(t *testing.T, a attempt) { a.describe(t, a.job, a.home) }, []string{"the workspace is not a writable folder: it is not a folder"}},
		{"workspace is read-only", func(t *testing.T, a attempt) { a.describe(t, "/proc", a.home) }, []string{"/proc: the workspace is not a writable folder"}},
		{"G7 home is read-only", func(t *testing.T, a attempt) { a.describe(t, a.workspace, "/proc") }, []string{
			"/proc: CODEX_HOME is not a writable folder", "/proc/auth.json: the file is missing", "/proc/config.toml: the file is missing",
		}},
		{"G7 no auth", func(t *testing.T, a attempt) { must(t, os.Remove(filepath.Join(a.home, "auth.json"))) }, []string{"auth.json: the file is missing (rule G7)"}},
		{"G7 auth is not JSON", func(t *testing.T, a attempt) {
			must(t, os.WriteFile(filepath.Join(a.home, "auth.json"), []byte("not-a-key"), 0o600))
		}, []string{"auth.json: it is not a JSON object"}},
		{"G7 no config", func(t *testing.T, a attempt) { must(t, os.Remove(filepath.Join(a.home, "config.toml"))) }, []string{"config.toml: the file is missing"}},
		{"everything", func(t *testing.T, a attempt) { must(t, os.RemoveAll(a.home)); must(t, os.RemoveAll(a.workspace)) }, []string{
			"workspace: the workspace is not", "codex-home: CODEX_HOME is not", "auth.json: the file is missing", "config.toml: the file is missing",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := prepare(t)
			tt.spoil(t, a)
			_, err := Preflight(a.job, "")
			refused(t, err, "not-a-key", tt.why...)
			refused(t, Run(a.job, ""), "not-a-key", tt.why...)
		})
	}
}

func TestG7_PreflightRefusesAnotherHomeInTheEnvironment(t *testing.T) {
	a := prepare(t)
	_, err := Preflight(a.job, "/elsewhere")
	refused(t, err, "", fmt.Sprintf("/codexHome: is %q while CODEX_HOME is %q", a.home, "/elsewhere"))
}

// An attempt that did nothing must not look like one that succeeded.
func TestRunDoesNotPretend(t *testing.T) {
	err := Run(prepare(t).job, "")
	if fail.CodeOf(err) != fail.Refused || !strings.Contains(err.Error(), "drives no agent yet") || fail.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}

func listing(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	must(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		all = append(all, path)
		return err
	}))
	return all
}
