package archives

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

var (
	one = "sha256:" + strings.Repeat("1", 64)
	two = "sha256:" + strings.Repeat("2", 64)
)

func good() string {
	return `# what the image is made of
archive system/bash ` + one + ` http://deb.example.com/bash_5.2-1%2b2_amd64.deb https://other.example.com/bash.deb
archive agent/agent ` + two + ` https://registry.example.com/agent/-/agent-1.2.3.tgz
take agent/agent package/bin/agent usr/local/bin/agent

drop usr/share/doc
`
}

func TestParse(t *testing.T) {
	got, err := Parse("lock", []byte(good()))
	if err != nil {
		t.Fatal(err)
	}
	want := &Lock{
		Archives: []Archive{
			{Tree: "agent", Name: "agent", Digest: two, Kind: TarGz, URLs: []string{"https://registry.example.com/agent/-/agent-1.2.3.tgz"}, Takes: []Take{{"package/bin/agent", "usr/local/bin/agent"}}},
			{Tree: "system", Name: "bash", Digest: one, Kind: Deb, URLs: []string{"http://deb.example.com/bash_5.2-1%2b2_amd64.deb", "https://other.example.com/bash.deb"}},
		},
		Drops: []string{"usr/share/doc"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if trees := got.Trees(); !slices.Equal(trees, []string{"agent", "system"}) {
		t.Errorf("the trees are %v", trees)
	}
}

// TestF5_IdentityIsOfTheBytes: not of addresses, comments or the order of lines.
func TestF5_IdentityIsOfTheBytes(t *testing.T) {
	identity := func(text string) string {
		l, err := Parse("lock", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return canon.Identity(l.Inputs())
	}
	was := identity(good())
	for name, c := range map[string]struct {
		old, new string
		same     bool
	}{
		"a comment":        {"# what the image is made of", "# what it is made of", true},
		"an address":       {"deb.example.com", "mirror.example.com", true},
		"one address less": {" https://other.example.com/bash.deb", "", true},
		"a digest":         {one, "sha256:" + strings.Repeat("3", 64), false},
		"what is taken":    {"package/bin/agent usr", "package/agent usr", false},
		"where it goes":    {"usr/local/bin/agent", "usr/bin/agent", false},
		"what is left out": {"usr/share/doc", "usr/share/man", false},
		"a tree":           {"system/bash", "base/bash", false},
	} {
		if same := identity(strings.Replace(good(), c.old, c.new, 1)) == was; same != c.same {
			t.Errorf("%s: the identity is the same: %v", name, same)
		}
	}
}

func TestF5_Refuses(t *testing.T) {
	for name, c := range map[string]struct{ line, why string }{
		"another word":       {"image system/bash " + one, "is not a line of an archive lock"},
		"too few words":      {"archive system/zsh " + one, "a name, a digest and an address"},
		"no tree":            {"archive zsh " + one + " https://e.example.com/zsh.deb", "is not the name of a tree"},
		"a name that climbs": {"archive ../zsh " + one + " https://e.example.com/zsh.deb", "is not the name of a tree"},
		"a name twice":       {"archive system/bash " + one + " https://e.example.com/zsh.deb", "stands twice"},
		"a short digest":     {"archive system/zsh sha256:123 https://e.example.com/zsh.deb", "is not sha256:"},
		"another scheme":     {"archive system/zsh " + one + " ftp://e.example.com/zsh.deb", "no plain http or https URL"},
		"credentials":        {"archive system/zsh " + one + " https://u:p@e.example.com/zsh.deb", "no plain http or https URL"},
		"another packing":    {"archive system/zsh " + one + " https://e.example.com/zsh.rpm", "how"},
		"two packings":       {"archive system/zsh " + one + " https://e.example.com/zsh.deb https://e.example.com/zsh.tgz", "how"},
		"take of nothing":    {"take system/zsh a b", "no archive"},
		"take that climbs":   {"take system/bash ../a b", "are needed"},
		"take to the root":   {"take system/bash a /b", "are needed"},
		"take twice":         {"take agent/agent x usr/local/bin/agent", "taken twice"},
		"drop of all":        {"drop .", "a path to leave out"},
	} {
		_, err := Parse("lock", []byte(good()+c.line+"\n"))
		if fail.CodeOf(err) != fail.Refused || fail.RuleOf(err) != "F5" || !strings.Contains(err.Error(), c.why) || !strings.HasPrefix(err.Error(), "lock:7: ") || fail.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parse("lock", []byte("# nothing\n")); fail.RuleOf(err) != "F5" {
		t.Errorf("a lock without archives: %v", err)
	}
	if _, err := Parse("lock", make([]byte, MaxBytes+1)); err == nil {
		t.Error("a lock may be of any size")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good()))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := Parse("lock", data)
		if err != nil {
			return
		}
		for _, a := range l.Archives {
			if strings.Contains(a.FullName(), "..") && strings.Contains(a.FullName(), "../") || len(a.URLs) == 0 || a.Kind == "" {
				t.Errorf("%+v is taken", a)
			}
			for _, take := range a.Takes {
				if !isPath(take.To) {
					t.Errorf("%+v is taken", take)
				}
			}
		}
	})
}
