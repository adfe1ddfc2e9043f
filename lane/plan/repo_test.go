package plan_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/plan"
)

// source is a repository under test: files that are edited and committed.
type source struct {
	t      *testing.T
	repo   *git.Repo
	files  map[string][]byte
	loader plan.Loader
}

// newSource is a repository with the files of a txtar archive, not committed yet.
func newSource(t *testing.T, archive string) *source {
	t.Helper()
	repo, err := git.Create(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &source{t: t, repo: repo, files: map[string][]byte{}}
	s.loader = plan.Loader{
		Repo: repo, Builder: "buildkit v0.34.2", OwnImage: []canon.Input{{Name: "own dockerfile", Value: "1"}},
		LocalGo: func(context.Context) (string, error) { return "", errors.New("the local Go was asked for") },
	}
	s.edit(archive)
	return s
}

// edit puts the files of a txtar archive over those there are. A file whose
// content is "DELETE" is removed.
func (s *source) edit(archive string) {
	for _, f := range txtar.Parse([]byte(archive)).Files {
		if strings.TrimSpace(string(f.Data)) == "DELETE" {
			delete(s.files, f.Name)
		} else {
			s.files[f.Name] = f.Data
		}
	}
}

// replace replaces text that must be in a file.
func (s *source) replace(file, from, to string) {
	s.t.Helper()
	data := string(s.files[file])
	if !strings.Contains(data, from) {
		s.t.Fatalf("%s does not hold %q", file, from)
	}
	s.files[file] = []byte(strings.ReplaceAll(data, from, to))
}

// branch is a copy whose edits do not show in s.
func (s *source) branch(t *testing.T) *source {
	c := *s
	c.t, c.files = t, maps.Clone(s.files)
	return &c
}

func (s *source) commit() string {
	s.t.Helper()
	id, err := s.repo.WriteCommit(s.t.Context(), git.NewCommit{
		Put: s.files, Message: "test",
		By: git.Signature{Name: "test", Email: "test@example.org", When: time.Unix(1700000000, 0).UTC()},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// intent reads the intent among the files.
func (s *source) intent() *intent.Intent {
	s.t.Helper()
	in := new(intent.Intent)
	if err := canon.Unmarshal(intent.Path, "D2", s.files[intent.Path], in, canon.Limits{Bytes: 1 << 20, Depth: 32}); err != nil {
		s.t.Fatal(err)
	}
	return in
}

// request plans what is there now, against an earlier plan if there is one.
func (s *source) request(before *plan.Plan) plan.Request {
	req := plan.Request{Loader: s.loader, Commit: s.commit(), Intent: s.intent()}
	if before != nil {
		req.Base = &plan.Base{SourceCommitID: before.SourceCommitID, CatalogDigest: canon.Digest(nil)}
		req.Previous = map[string]plan.Previous{}
		for _, svc := range before.Services {
			req.Previous[svc.ID] = plan.Previous{Identity: svc.Identity, SourceCommitID: before.SourceCommitID}
		}
	}
	return req
}

func (s *source) plan(before *plan.Plan) *plan.Plan {
	s.t.Helper()
	p, err := plan.Make(s.t.Context(), s.request(before))
	if err != nil {
		s.t.Fatalf("%v\nhint: %s", err, fail.HintOf(err))
	}
	return p
}

// built are the ids of the services that p builds.
func built(p *plan.Plan) string {
	var ids []string
	for _, s := range p.ToBuild() {
		ids = append(ids, s.ID)
	}
	return strings.Join(ids, " ")
}

// reasons are all reasons for building, one a line.
func reasons(p *plan.Plan) string {
	var all []string
	for _, s := range p.ToBuild() {
		all = append(all, s.Reasons...)
	}
	return strings.Join(slices.Compact(all), "\n")
}

// withLink commits the files and a symbolic link.
func withLink(t *testing.T, s *source, at, to string) string {
	t.Helper()
	c := s.branch(t)
	c.files[at] = []byte(to)
	return withModes(t, c, git.ModeSymlink, at)
}

// withModes commits the files, some of them with another mode.
func withModes(t *testing.T, s *source, mode string, paths ...string) string {
	t.Helper()
	index := filepath.Join(t.TempDir(), "index")
	run := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"--git-dir=" + s.repo.GitDir, "-c", "user.name=test", "-c", "user.email=test@example.org"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_INDEX_FILE="+index)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("read-tree", s.commit())
	for _, p := range paths {
		run("update-index", "--add", "--cacheinfo", mode+","+git.BlobID(s.files[p])+","+p)
	}
	return run("commit-tree", "-m", "test", run("write-tree"))
}
