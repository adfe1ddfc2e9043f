package render

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/publish"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestRenderGolden renders each archive's deploy.json with an image for each
// service and compares all files with those in the archive.
func TestRenderGolden(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range archives {
		t.Run(filepath.Base(name), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{}
			var inputs []txtar.File
			var in *intent.Intent
			first := false
			for _, f := range archive.Files {
				switch f.Name {
				case "deploy.json":
					if in, err = intent.Parse(f.Name, f.Data); err != nil {
						t.Fatal(err)
					}
					inputs = append(inputs, f)
				case "catalog":
					first = true
					inputs = append(inputs, f)
				default:
					want[f.Name] = string(f.Data)
				}
			}
			n, c := lane(t, in)
			if first {
				c.Services = nil
			}
			tree := must(t, in, n, c)
			got := map[string]string{}
			for path, content := range tree {
				got[path] = string(content)
			}
			if *update {
				archive.Files = inputs
				for _, path := range tree.Paths() {
					archive.Files = append(archive.Files, txtar.File{Name: path, Data: tree[path]})
				}
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("go test ./lane/render -update writes the files anew (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRenderSameInputSameBytes(t *testing.T) {
	in := golden(t, "deployment")
	n, c := lane(t, in)
	first := must(t, in, n, c)
	for range 20 {
		if diff := cmp.Diff(first, must(t, in, n, c)); diff != "" {
			t.Fatal(diff)
		}
	}
	if again := must(t, in, n, c); again.Digest() != first.Digest() {
		t.Error("the same tree has two digests")
	}
}

// TestRenderReusedServiceKeepsItsFile: a release that builds one service changes
// that service's file only, although commit and catalog are new.
func TestRenderReusedServiceKeepsItsFile(t *testing.T) {
	in := golden(t, "deployment")
	n, c := lane(t, in)
	before := must(t, in, n, c)
	release(c, "import")
	after := must(t, in, n, c)
	var changed []string
	for path := range after {
		if !bytes.Equal(before[path], after[path]) {
			changed = append(changed, path)
		}
	}
	if diff := cmp.Diff([]string{n.RuntimePath + "/services/import.yaml"}, changed); diff != "" {
		t.Error(diff)
	}
	if before.Digest() == after.Digest() {
		t.Error("another tree has the same digest")
	}
	for path, content := range after {
		if strings.HasSuffix(path, "/api.yaml") && bytes.Contains(content, []byte(c.SourceCommitID)) {
			t.Error("the file of a reused service holds the released commit")
		}
	}
}

// TestRenderAGenerationReplacesOneServicesPods: it is an annotation of the pods of one
// service, and the file without it is what it was before there were generations.
func TestRenderAGenerationReplacesOneServicesPods(t *testing.T) {
	in := golden(t, "deployment")
	n, c := lane(t, in)
	before := must(t, in, n, c)
	again, err := c.Restarted(catalog.Restart{Services: []string{"api"}, Generation: "0123456789abcdef"})
	if err != nil {
		t.Fatal(err)
	}
	after := must(t, in, n, again)
	for path := range after {
		switch {
		case !strings.HasSuffix(path, "/services/api.yaml"):
			if !bytes.Equal(before[path], after[path]) {
				t.Errorf("%s changed", path)
			}
		case !bytes.Contains(after[path], []byte("lane.agentrun.dev/generation: ")) || bytes.Contains(before[path], []byte("generation")):
			t.Errorf("%s has no generation, or had one before", path)
		}
	}
}

func TestF4_RefusesServiceMissingInCatalog(t *testing.T) {
	in := golden(t, "deployment")
	n, c := lane(t, in)
	c.Services = slices.DeleteFunc(c.Services, func(s catalog.Service) bool { return s.ServiceID == "import" })
	refused(t, "F4", "import", in, n, c)
}

func TestF4_RefusesServiceTooManyInCatalog(t *testing.T) {
	in := golden(t, "deployment")
	n, c := lane(t, in)
	in.Services = slices.DeleteFunc(in.Services, func(s intent.Service) bool { return s.ID == "import" })
	refused(t, "F4", "import", in, n, c)
}

func TestF4_RefusesDisabledServiceInCatalog(t *testing.T) {
	in := golden(t, "deployment")
	n, c := lane(t, in)
	in.Services[1].Enabled = false
	refused(t, "F4", "import", in, n, c)
}

func TestF2_RefusesTagInsteadOfDigest(t *testing.T) {
	in := golden(t, "deployment")
	n, c := lane(t, in)
	c.Services[0].Image.Digest = c.Services[0].Image.Tag
	refused(t, "F2", "api", in, n, c)
}

func TestC5_RefusesCatalogOfAnotherLane(t *testing.T) {
	in := golden(t, "deployment")
	n, c := lane(t, in)
	c.Lane = "v0.4"
	refused(t, "C5", "v0.4", in, n, c)
}

func TestA1_RefusesNamesOfAnotherLane(t *testing.T) {
	in := golden(t, "deployment")
	_, c := lane(t, in)
	n, err := in.NamesOf("v0.4")
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "A1", "v0.4", in, n, c)
}

func TestA4_RefusesTwoObjectsOfOneName(t *testing.T) {
	in := golden(t, "deployment")
	n, c := lane(t, in)
	in.ConfigMaps = append(in.ConfigMaps, intent.ConfigMap{Name: "import-job", Data: map[string]string{"a": "b"}})
	refused(t, "A4", "ConfigMap import-job", in, n, c)
}

func TestD1_RefusesWhatCannotBeRendered(t *testing.T) {
	for name, mutate := range map[string]func(in *intent.Intent){
		"quantity":                     func(in *intent.Intent) { in.Services[0].Resources.Limits.Memory = "lots" },
		"negative quantity":            func(in *intent.Intent) { in.Services[0].Resources.Limits.CPU = "-1" },
		"size limit":                   func(in *intent.Intent) { in.Services[0].Volumes[2].EmptyDir.SizeLimit = "" },
		"home size limit":              func(in *intent.Intent) { in.Services[1].Home.SizeLimit = "1 GB" },
		"volume without source":        func(in *intent.Intent) { in.Services[0].Volumes[2].EmptyDir = nil },
		"job template that is unknown": func(in *intent.Intent) { in.Services[0].Volumes[1].JobTemplate = "api" },
		"flow without ports":           func(in *intent.Intent) { in.Services[0].Network.Egress[1].Ports = nil },
		"fact":                         func(in *intent.Intent) { in.Services[0].Env[2].ReleaseRef = "host" },
		"reserved key":                 func(in *intent.Intent) { in.ConfigMaps[0].Data["job.yaml"] = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			in := golden(t, "deployment")
			mutate(in)
			n, c := lane(t, in)
			refused(t, "D1", "", in, n, c)
		})
	}
}

// TestA6_IngressPlaceholderRendersNothing: taking it away changes no byte, and
// the notes speak of it.
func TestA6_IngressPlaceholderRendersNothing(t *testing.T) {
	in := golden(t, "deployment")
	n, c := lane(t, in)
	with := must(t, in, n, c)
	notes := Notes(in)
	want := []string{"service api: the ingress shop.example.org is a placeholder and renders nothing until there is a reviewed ingress design"}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Error(diff)
	}
	in.Services[0].Ingress = nil
	if diff := cmp.Diff(with, must(t, in, n, c)); diff != "" {
		t.Error(diff)
	}
}

func TestNotesSayWhichFlowsStayDenied(t *testing.T) {
	in := golden(t, "deployment")
	in.Services[0].Ingress = nil
	in.Services[0].Network.Ingress = in.Services[0].Network.Ingress[1:]
	in.Services[0].Network.Egress = append(in.Services[0].Network.Egress, intent.Flow{Service: "import", Ports: []int{1234}})
	want := []string{
		"service api: egress to import stays denied: import declares no ingress from it",
		"service import: egress to api stays denied: api declares no ingress from it",
	}
	if diff := cmp.Diff(want, Notes(in)); diff != "" {
		t.Error(diff)
	}
}

// golden is the intent of one of the archives.
func golden(t testing.TB, name string) *intent.Intent {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/" + name + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		if f.Name == "deploy.json" {
			in, err := intent.Parse(f.Name, f.Data)
			if err != nil {
				t.Fatal(err)
			}
			return in
		}
	}
	t.Fatal("no deploy.json")
	return nil
}

// lane is the names of the intent's lane and a catalog with an image for each
// enabled service.
func lane(t testing.TB, in *intent.Intent) (names.Names, *catalog.Catalog) {
	t.Helper()
	n, err := in.Names()
	if err != nil {
		t.Fatal(err)
	}
	const commit = "0123456789abcdef0123456789abcdef01234567"
	c := catalog.Empty(n, commit, canon.Digest(nil))
	ids := map[string]bool{}
	for _, s := range in.EnabledServices() {
		ids[s.ID] = true
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		c.Services = append(c.Services, catalog.Service{
			ServiceID: id, Status: catalog.Published, SourceCommitID: commit, ComponentIdentity: canon.Digest([]byte(id)),
			Image: catalog.Image{Repository: n.Repository(id), Tag: commit, Digest: canon.Digest([]byte("image of " + id)), MediaType: publish.MediaType},
		})
	}
	return n, c
}

// release makes c the catalog of a later release that builds one service.
func release(c *catalog.Catalog, id string) {
	c.SourceCommitID = "fedcba9876543210fedcba9876543210fedcba98"
	c.IntentDigest = canon.Digest([]byte("later"))
	for i := range c.Services {
		s := &c.Services[i]
		s.Status = catalog.Reused
		if s.ServiceID == id {
			s.Status = catalog.Published
			s.SourceCommitID, s.Image.Tag = c.SourceCommitID, c.SourceCommitID
			s.Image.Digest = canon.Digest([]byte("later image of " + id))
		}
	}
}

func must(t testing.TB, in *intent.Intent, n names.Names, c *catalog.Catalog) Tree {
	t.Helper()
	tree, err := Render(in, n, c)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// refused expects a refusal by rule that says about.
func refused(t *testing.T, rule, about string, in *intent.Intent, n names.Names, c *catalog.Catalog) {
	t.Helper()
	_, err := Render(in, n, c)
	if err == nil {
		t.Fatal("rendered")
	}
	if fail.CodeOf(err) != fail.Refused || fail.RuleOf(err) != rule || !strings.Contains(err.Error(), about) || fail.HintOf(err) == "" {
		t.Errorf("want a refusal by rule %s about %q with a hint, got %v (hint %q)", rule, about, err, fail.HintOf(err))
	}
}
