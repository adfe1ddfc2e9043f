package observe_test

import (
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/kube/kubetest"
	"github.com/pikasTech/agentrun/internal/scratch"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/promote"
	"github.com/pikasTech/agentrun/lane/publish"
	"github.com/pikasTech/agentrun/lane/verify"
	"github.com/pikasTech/agentrun/lane/verify/observe"
)

// line is a GitOps branch on a real remote, written commit by commit.
type line struct {
	*testing.T
	names names.Names
	repo  *git.Repo // the remote's own
	head  string
}

func newLine(t *testing.T) (*line, observe.Observer) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a git server: not in -short")
	}
	server, err := scratch.StartGitRemote(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	o := observer(t, kubetest.Script{})
	o.Branch.Remote = git.Remote{URL: server.URL}
	o.Registry.Tries = 1
	return &line{T: t, names: o.Names, repo: &git.Repo{GitDir: server.Dir}}, o
}

// commit writes a commit whose content, metadata aside, is that of a source commit.
func (l *line) commit(of, subject string, trailers map[string]string, more map[string][]byte) string {
	l.Helper()
	c := catalog.Empty(l.names, of, canon.Digest(nil))
	c.RenderDigest = canon.Digest(nil)
	c.Services = []catalog.Service{{
		ServiceID: "api", Status: catalog.Published, SourceCommitID: of, ComponentIdentity: canon.Digest([]byte(of)),
		Image: catalog.Image{Repository: l.names.Repository("api"), Tag: of, Digest: canon.Digest([]byte("api" + of)), MediaType: publish.MediaType},
	}}
	data, err := c.Encode()
	if err != nil {
		l.Fatal(err)
	}
	files := map[string][]byte{l.names.ArtifactCatalog: data, l.names.RuntimePath + "/api.yaml": []byte("of: " + of + "\n")}
	maps.Copy(files, more)
	var message strings.Builder
	message.WriteString(subject + "\n\n")
	for _, key := range slices.Sorted(maps.Keys(trailers)) {
		message.WriteString(key + ": " + trailers[key] + "\n")
	}
	id, err := l.repo.WriteCommit(l.Context(), git.NewCommit{
		Parent: l.head, Put: files, Message: message.String(), By: git.Signature{Name: "lane", Email: "lane@shop", When: time.Unix(1700000000, 0)},
	})
	if err != nil {
		l.Fatal(err)
	}
	l.head = id
	if out, err := exec.Command("git", "--git-dir="+l.repo.GitDir, "update-ref", l.names.GitopsRef(), id).CombinedOutput(); err != nil {
		l.Fatalf("%v: %s", err, out)
	}
	return id
}

func (l *line) promote(of string) string {
	l.Helper()
	return l.commit(of, "promote", map[string]string{promote.TrailerSource: of}, nil)
}

func (l *line) record(of, says, note string) string {
	l.Helper()
	return l.commit(of, "hold", map[string]string{promote.TrailerPromotion: says}, map[string][]byte{metadata.HotfixPath(l.names, "note"): []byte(note)})
}

func (l *line) see(o observe.Observer) verify.Gitops {
	l.Helper()
	e := see(l.T, o)
	if !e.Gitops.Found {
		l.Fatalf("%+v", e.Gitops.Gap)
	}
	return e.Gitops.Value
}

// TestI10_FindsThePromotionBelowRecords: what a head of metadata alone rests on, and
// every way to say that it rests on something else.
func TestI10_FindsThePromotionBelowRecords(t *testing.T) {
	a, b := strings.Repeat("a", 40), strings.Repeat("b", 40)
	l, o := newLine(t)
	older := l.promote(a)
	newer := l.promote(b)
	if g := l.see(o); g.Below.Found || g.Promotion().Value.Commit != newer {
		t.Errorf("%+v", g.Promotion())
	}
	for i := range 3 {
		l.record(b, newer, fmt.Sprint(i))
	}
	good := l.head
	g := l.see(o)
	if p := g.Promotion(); !p.Found || p.Value.Commit != newer || len(p.Value.Against) > 0 || promote.Trailer(p.Value.Message, promote.TrailerSource) != b {
		t.Errorf("%+v", p)
	}
	for name, tamper := range map[string]struct {
		do   func()
		says string
	}{
		"content of an older release": {func() { l.record(a, newer, "x") }, "api.yaml is not as it was promoted by " + newer[:12]},
		"an older promotion":          {func() { l.record(a, older, "x") }, "it says that " + older[:12] + " promoted, and " + good[:12] + " below it says that " + newer[:12]},
		"on a hand's commit": {func() {
			l.commit(a, "by hand", nil, nil)
			l.record(a, older, "x")
		}, "it says that " + older[:12] + " promoted, and below it "},
		"one file more": {func() {
			l.commit(b, "hold", map[string]string{promote.TrailerPromotion: newer}, map[string][]byte{l.names.RuntimePath + "/pod.yaml": nil})
		}, "pod.yaml is not as it was promoted"},
	} {
		l.head = good
		tamper.do()
		if p := l.see(o).Promotion(); !p.Found || !strings.Contains(strings.Join(p.Value.Against, "\n"), tamper.says) {
			t.Errorf("%s: %+v", name, p)
		}
	}
	l.head = good
	l.record(b, strings.Repeat("1", 40), "x") // one that nobody has
	if p := l.see(o).Promotion(); p.Found {
		t.Errorf("%+v", p)
	}
}

// TestI10_FindsWhatARollbackBringsBack, also below records.
func TestI10_FindsWhatARollbackBringsBack(t *testing.T) {
	a, b := strings.Repeat("a", 40), strings.Repeat("b", 40)
	l, o := newLine(t)
	older := l.promote(a)
	newer := l.promote(b)
	back := func(of, to string) string {
		return l.commit(of, "rollback", map[string]string{promote.TrailerSource: of, promote.TrailerRollback: to}, nil)
	}
	id := back(a, older)
	for range 2 {
		g := l.see(o)
		if p := g.Restored; !p.Found || p.Value.Commit != older || len(p.Value.Against) > 0 || !g.RolledBack() || g.Promotion().Value.Commit != id {
			t.Errorf("%+v of %+v", p, g.Promotion())
		}
		l.record(a, id, "x")
	}
	l.head = newer
	back(a, newer)
	if p := l.see(o).Restored; !p.Found || len(p.Value.Against) != 2 {
		t.Errorf("other bytes: %+v", p)
	}
	// What is not of the branch is not brought back.
	l.head = older
	stray := l.commit(b, "promote", map[string]string{promote.TrailerSource: b}, map[string][]byte{l.names.RuntimePath + "/x": nil})
	l.head = newer
	l.commit(b, "rollback", map[string]string{promote.TrailerSource: b, promote.TrailerRollback: stray}, map[string][]byte{l.names.RuntimePath + "/x": nil})
	if p := l.see(o).Restored; !p.Found || strings.Join(p.Value.Against, "") != "it is not in the branch's history" {
		t.Errorf("a stray commit: %+v", p)
	}
}

// TestI10_FindsWhatARestartStandsOn, also below records and behind a rollback.
func TestI10_FindsWhatARestartStandsOn(t *testing.T) {
	a, b := strings.Repeat("a", 40), strings.Repeat("b", 40)
	l, o := newLine(t)
	l.promote(a)
	held := l.record(a, l.head, "x")
	again := func(more map[string][]byte) string {
		return l.commit(a, "restart", map[string]string{promote.TrailerSource: a, promote.TrailerRestart: "0123456789abcdef=api"}, more)
	}
	id := again(map[string][]byte{l.names.RuntimePath + "/web.yaml": []byte("more\n"), metadata.HotfixPath(l.names, "note"): []byte("y")})
	for range 2 {
		r := l.see(o).Replaced
		if !r.Found || r.Value.By != id || r.Value.Parents != 1 || r.Value.Commit != held || r.Value.Catalog.SourceCommitID != a {
			t.Fatalf("%+v", r)
		}
		if want := []string{metadata.HotfixPath(l.names, "note"), l.names.RuntimePath + "/web.yaml"}; !slices.Equal(r.Value.Changed, want) {
			t.Errorf("changed %q, want %q", r.Value.Changed, want)
		}
		l.record(a, id, "x")
	}
	l.promote(b)
	if r := l.see(o).Replaced; r.Found {
		t.Errorf("a release after it: %+v", r)
	}
	l.commit(a, "rollback", map[string]string{promote.TrailerSource: a, promote.TrailerRollback: id}, map[string][]byte{l.names.RuntimePath + "/web.yaml": []byte("more\n")})
	if r := l.see(o).Replaced; !r.Found || r.Value.By != id || r.Value.Commit != held {
		t.Errorf("a rollback to it: %+v", r)
	}
	l.head = ""
	again(nil)
	if r := l.see(o).Replaced; !r.Found || r.Value.Parents != 0 {
		t.Errorf("one that stands on nothing: %+v", r)
	}
}
