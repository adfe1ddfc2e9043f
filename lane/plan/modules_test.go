package plan_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/plan"
)

// TestModulesAreDownloadedOnceAndRemembered: what is not in the module cache
// comes from the proxy; what is in the memo needs neither.
func TestModulesAreDownloadedOnceAndRemembered(t *testing.T) {
	s := newShop(t)
	s.loader.Memo = filepath.Join(t.TempDir(), "plan.memo")
	want := s.plan(nil)
	cache := os.Getenv("GOMODCACHE")
	for _, dir := range []string{"ext@v1.0.0", "far@v1.0.0"} {
		if _, err := os.Stat(filepath.Join(cache, "example.com", dir)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(cache, "example.com", "idle@v1.0.0")); err == nil {
		t.Error("a module that nothing uses was downloaded")
	}
	t.Setenv("GOPROXY", "off")
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("PATH", onlyGit(t))
	if got := s.plan(want); built(got) != "" {
		t.Errorf("without network, module cache and go command %q is built", built(got))
	}
}

// onlyGit is a PATH that has git and not go.
func onlyGit(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for path := range strings.SplitSeq(os.Getenv("PATH"), string(os.PathListSeparator)) {
		git := filepath.Join(path, "git")
		if _, err := os.Stat(git); err == nil {
			if err := os.Symlink(git, filepath.Join(dir, "git")); err != nil {
				t.Fatal(err)
			}
			return dir
		}
	}
	t.Fatal("there is no git on PATH")
	return ""
}

func TestModulesThatCannotBeHad(t *testing.T) {
	tests := []struct {
		name string
		edit func(t *testing.T, s *source)
		want string
	}{
		{"proxy without it", func(t *testing.T, s *source) { t.Setenv("GOPROXY", "file://"+t.TempDir()) }, "downloading modules"},
		{"no proxy", func(t *testing.T, s *source) { t.Setenv("GOPROXY", "off") }, "module lookup disabled by GOPROXY=off"},
		{"another hash in go.sum", func(t *testing.T, s *source) {
			line, _, _ := strings.Cut(string(s.files["go.sum"][strings.Index(string(s.files["go.sum"]), "example.com/ext v1.0.0 "):]), "\n")
			s.replace("go.sum", line, "example.com/ext v1.0.0 h1:"+strings.Repeat("A", 43)+"=")
		}, "SECURITY ERROR"},
		{"no hash in go.sum", func(t *testing.T, s *source) { s.files["go.sum"] = nil }, "go.sum: it has no hash of example.com/ext@v1.0.0"},
		{"go.mod that is not tidy", func(t *testing.T, s *source) { s.replace("go.mod", "require example.com/far v1.0.0 // indirect", "") }, "updates to go.mod needed"},
		{"module cache with other content", func(t *testing.T, s *source) {
			s.plan(nil)
			file := filepath.Join(os.Getenv("GOMODCACHE"), "cache/download/example.com/ext/@v/v1.0.0.ziphash")
			if err := os.WriteFile(file, []byte("h1:"+strings.Repeat("B", 43)+"="), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "example.com/ext@v1.0.0: the module cache holds h1:BBB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t)
			tt.edit(t, s)
			_, err := plan.Make(t.Context(), s.request(nil))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want %s", err, tt.want)
			}
			if fail.HintOf(err) == "" {
				t.Errorf("no hint: %v", err)
			}
		})
	}
}

// TestOlderGoModIsLeftToTheGoCommand: before Go 1.17 go.mod did not list every
// module, so the go command decides.
func TestOlderGoModIsLeftToTheGoCommand(t *testing.T) {
	s := newShop(t)
	s.replace("go.mod", "require example.com/far v1.0.0 // indirect", "")
	s.replace("go.mod", "go 1.26.0", "go 1.16")
	s.replace("go.mod", "toolchain go1.26.8", "")
	s.replace("near/go.mod", "go 1.21", "go 1.16")
	s.loader.LocalGo = nil
	snap, err := s.loader.Snapshot(t.Context(), s.commit())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	all, err := snap.Components(t.Context(), s.intent().EnabledServices())
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, m := range all[1].Modules {
		paths = append(paths, m.Path+"@"+m.Version)
	}
	if got := strings.Join(paths, " "); all[1].ServiceID != "api" || got != "example.com/ext@v1.0.0 example.com/far@v1.0.0" {
		t.Errorf("%s uses %s", all[1].ServiceID, got)
	}
	for _, f := range all[0].Files {
		if strings.HasSuffix(f.Path, "unread.h") {
			t.Error("a header that nobody includes is read")
		}
	}
	if len(all[0].Files) != 8 {
		t.Errorf("worker reads %v", all[0].Files)
	}
}
