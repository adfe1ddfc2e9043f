package publish_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/lane/plan"
	"github.com/pikasTech/agentrun/lane/publish"
	"github.com/pikasTech/agentrun/lane/publish/builder"
)

// A tag that means another image is never moved; both digests are named.
func TestF1_RefusesATakenTag(t *testing.T) {
	p := newProject(t)
	old := p.commit()
	before, _ := p.mustPublish(old, "site")
	p.write("assets/index.html", "<p>another</p>\n")
	commit := p.commit()
	ref := registry.Ref{Registry: p.address, Repository: p.names.Repository("site")}
	m, err := p.registry.Manifest(t.Context(), ref, before.Services[0].Image.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.registry.PutTag(t.Context(), ref, commit, m.Bytes); err != nil {
		t.Fatal(err)
	}

	_, told, err := p.publish(commit)
	if fail.CodeOf(err) != fail.Refused || fail.RuleOf(err) != "F1" || fail.HintOf(err) == "" ||
		!strings.Contains(err.Error(), m.Digest) || strings.Count(err.Error(), "sha256:") < 2 {
		t.Errorf("got %v", err)
	}
	if d, _, err := p.registry.Head(t.Context(), ref, commit); err != nil || d.Digest != m.Digest {
		t.Errorf("the tag was moved to %s, %v", d.Digest, err)
	}
	if told.of(publish.Done) != "api worker" {
		t.Errorf("the others were not published: %v", told.list)
	}
}

func TestF3_RefusesATagOfAnotherType(t *testing.T) {
	p := newProject(t)
	commit := p.commit()
	out, _ := p.mustPublish(commit, "site")
	other := p.commit2()
	list := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"size":1,"digest":%q,"platform":{"architecture":"amd64","os":"linux"}}]}`,
		registry.SchemaList, registry.Schema2, out.Services[0].Image.Digest)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+p.address+"/v2/demo/site/manifests/"+other, strings.NewReader(string(list)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", registry.SchemaList)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatal(resp.Status)
	}
	if _, _, err := p.publish(other, "site"); fail.RuleOf(err) != "F3" || !strings.Contains(err.Error(), "a manifest list") {
		t.Errorf("got %v", err)
	}
}

// commit2 is another commit of the same files.
func (p *project) commit2() string {
	p.Helper()
	p.write("NOTES", "2")
	return p.commit()
}

func TestF5_RefusesWhatIsNotThePlans(t *testing.T) {
	p := newProject(t)
	commit := p.commit()
	run := func(change func(*plan.Plan, []*plan.Component)) error {
		repo, doc, components := p.planned(commit, "api")
		change(doc, components)
		_, err := p.publisher(repo, &events{}).Run(t.Context(), doc, components)
		return err
	}
	tests := []struct {
		name, why string
		change    func(*plan.Plan, []*plan.Component)
	}{
		{"identity", "the plan says", func(d *plan.Plan, _ []*plan.Component) { d.Services[0].Identity = canon.Digest(nil) }},
		{"builder", "the plan is for kaniko 1", func(d *plan.Plan, _ []*plan.Component) { d.Builder = "kaniko 1" }},
		{"module that is not there", "plan and build disagree: it is without example.com/more", func(_ *plan.Plan, c []*plan.Component) {
			c[0].Modules = []plan.Module{{Path: "example.com/more", Version: "v1.0.0", Sum: "h1:x"}}
		}},
		{"toolchain", "plan and build disagree: it was compiled by", func(_ *plan.Plan, c []*plan.Component) { c[0].Toolchain = "local" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := run(tt.change)
			need(t, missingProgram(err))
			if fail.CodeOf(err) != fail.Refused || fail.RuleOf(err) != "F5" || fail.HintOf(err) == "" || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("got %v, want %q", err, tt.why)
			}
		})
	}

	// The compiler sees nothing that the plan does not list.
	err := run(func(_ *plan.Plan, c []*plan.Component) {
		c[0].Files = slices.DeleteFunc(c[0].Files, func(f plan.File) bool { return f.Path == "greet/word.txt" })
	})
	if fail.CodeOf(err) != fail.Failed || !strings.Contains(err.Error(), "word.txt") {
		t.Errorf("a file that is not listed: %v", err)
	}
	if got := p.tags("api"); strings.Contains(got, commit) {
		t.Errorf("something was tagged: %s", got)
	}
}

// missingProgram is err when it says that a program is not installed.
func missingProgram(err error) error {
	if fail.CodeOf(err) == fail.Failed {
		return err
	}
	return nil
}

func TestBadDaysAreFailuresWithAHint(t *testing.T) {
	p := newProject(t)
	commit := p.commit()
	repo, doc, components := p.planned(commit, "site")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, why string
		change    func(*publish.Publisher)
	}{
		{"no registry", "connection refused", func(p *publish.Publisher) { p.Address = "127.0.0.1:1" }},
		{"state folder is a file", "state folder", func(p *publish.Publisher) { p.State = file }},
		{"state folder on a read-only file system", "state folder", func(p *publish.Publisher) { p.State = "/proc/lane" }},
		{"no builder", "make deps", func(p *publish.Publisher) {
			p.Builder = func(context.Context, bool) (builder.Builder, error) {
				return nil, fail.Fail("buildkitd", "run make deps", "run make deps first")
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pub := p.publisher(repo, &events{})
			pub.Registry.Tries = 1
			tt.change(pub)
			_, err := pub.Run(t.Context(), doc, components)
			if fail.CodeOf(err) != fail.Failed || fail.HintOf(err) == "" || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("got %v, hint %q", err, fail.HintOf(err))
			}
		})
	}
	if _, _, err := p.publish(commit, "site"); err != nil {
		t.Errorf("once the causes are gone: %v", err)
	}
}

func TestDiskFull(t *testing.T) {
	p := newProject(t)
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	commit := p.commit()
	for _, room := range []string{"64k", "2m", "4m"} {
		code, said := p.start(commit, room).end()
		if code != fail.Failed || !strings.Contains(said, "no space left on device") || !strings.Contains(said, "hint: ") {
			t.Errorf("with %s of room it exits %d:\n%s", room, code, said)
		}
		p.noHalfState(commit)
		p.nothingLeft()
	}
	p.mustPublish(commit)
}

func TestTwoCallsTakeTurns(t *testing.T) {
	p := newProject(t)
	commit := p.commit()
	repo, doc, components := p.planned(commit)
	type result struct {
		out *publish.Published
		err error
	}
	results := make(chan result, 2)
	for range 2 {
		go func() {
			out, err := p.publisher(repo, &events{}).Run(t.Context(), doc, components)
			results <- result{out, err}
		}()
	}
	a, b := <-results, <-results
	need(t, errors.Join(a.err, b.err))
	for i := range a.out.Services {
		if a.out.Services[i] != b.out.Services[i] {
			t.Errorf("one published %+v, the other %+v", a.out.Services[i], b.out.Services[i])
		}
	}
}
