package metadata_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/canon/schematest"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/secretscan/fake"
	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/names"
)

var (
	commit = strings.Repeat("a", 40)
	now    = time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
)

func shop(t testing.TB) names.Names {
	t.Helper()
	n, err := names.For("shop", "v0.3", names.Cluster{Name: "k7", Host: "K7", WorktreeRoot: "/srv"}, "shop-ci")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func hold(t testing.TB) *metadata.Hold {
	return metadata.NewHold(shop(t), commit, "Ada <ada@example.com>", "the api loses orders", now, now.Add(time.Hour))
}

func hotfix() *metadata.Hotfix {
	return &metadata.Hotfix{
		APIVersion: names.APIVersion, Kind: metadata.HotfixKind, Project: "shop", Lane: "v0.3", Name: "more-replicas",
		Issue: "https://git.example.com/shop/shop/issues/12", Reason: "the queue is full",
		Scope:   []metadata.Scope{{Object: "Deployment/api", Fields: []string{"spec.replicas", "spec.template.spec.containers[api].env"}}},
		WayBack: "scale to 2", FollowUp: "shop/shop#13", By: "Ada", RecordedAt: metadata.Stamp(now), ExpiresAt: metadata.Stamp(now.Add(time.Hour)),
	}
}

func encoded(t testing.TB, doc interface {
	Encode(n names.Names) ([]byte, error)
},
) []byte {
	t.Helper()
	data, err := doc.Encode(shop(t))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDocumentsAreReadAsTheyWereWritten(t *testing.T) {
	n := shop(t)
	h, err := metadata.ParseHold("hold.json", encoded(t, hold(t)), n)
	if err != nil || !cmp.Equal(h, hold(t)) {
		t.Errorf("%+v, %v", h, err)
	}
	x, err := metadata.ParseHotfix("hotfixes/more-replicas.json", encoded(t, hotfix()), n)
	if err != nil || !cmp.Equal(x, hotfix()) {
		t.Errorf("%+v, %v", x, err)
	}
	if got := h.String(); got != "held at aaaaaaaaaaaa by Ada <ada@example.com> since 2026-01-02T03:04:05Z until 2026-01-02T04:04:05Z: the api loses orders" {
		t.Error(got)
	}
	err = h.Refusal("here")
	if fail.CodeOf(err) != fail.Refused || !strings.Contains(fail.HintOf(err), "lane hold --release") || !strings.Contains(err.Error(), "Ada") {
		t.Errorf("%v, hint %q", err, fail.HintOf(err))
	}
}

func TestLiveUntilItsTime(t *testing.T) {
	h, x := hold(t), hotfix()
	for at, want := range map[time.Duration]bool{-time.Hour: true, time.Hour - time.Second: true, time.Hour: false, 9999 * time.Hour: false} {
		if got := h.Live(now.Truncate(time.Second).Add(at)); got != want {
			t.Errorf("hold after %s: %t", at, got)
		}
		if got := x.Live(now.Truncate(time.Second).Add(at)); got != want {
			t.Errorf("record after %s: %t", at, got)
		}
	}
	if h = metadata.NewHold(shop(t), commit, "a", "b", now, time.Time{}); !h.Live(now.AddDate(100, 0, 0)) {
		t.Error("without an end it ends")
	}
}

// TestC3_RefusesHoldsThatAreNone: bytes that a hand wrote.
func TestC3_RefusesHoldsThatAreNone(t *testing.T) {
	for name, r := range map[string][2]string{
		"another lane":        {`"v0.3"`, `"v0.4"`},
		"another kind":        {`"Hold"`, `"Hotfix"`},
		"newer version":       {`/v1"`, `/v2"`},
		"unknown field":       {`"lane"`, `"force": true, "lane"`},
		"twice":               {`"lane"`, `"lane": "v0.3", "lane"`},
		"short commit":        {commit, commit[:12]},
		"no reason":           {"the api loses orders", ""},
		"two lines":           {"loses orders", `loses\norders`},
		"escape sequence":     {"loses orders", `\u001b[31mloses orders`},
		"right to left":       {"loses orders", `\u202esredro`},
		"a variable":          {"loses orders", `$(params.commit)`},
		"very long":           {"loses orders", strings.Repeat("x", 600)},
		"no time":             {"2026-01-02T03:04:05Z", "yesterday"},
		"local time":          {"2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00"},
		"ends before":         {"2026-01-02T04:04:05Z", "2026-01-02T03:04:05Z"},
		"an end that is \"\"": {"2026-01-02T04:04:05Z", ""},
		"other form":          {"  ", "    "},
		"truncated":           {"}\n", ""},
	} {
		doc := strings.ReplaceAll(string(encoded(t, hold(t))), r[0], r[1])
		h, err := metadata.ParseHold("hold.json", []byte(doc), shop(t))
		if h != nil || fail.RuleOf(err) != "C3" && fail.CodeOf(err) != fail.Refused || !strings.HasPrefix(err.Error(), "hold.json") {
			t.Errorf("%s: %v, %v", name, h, err)
		}
	}
}

// TestH3_RefusesRecordsThatSayTooLittle: without one of them nobody knows what may
// differ, why, until when, or how it ends.
func TestH3_RefusesRecordsThatSayTooLittle(t *testing.T) {
	for name, change := range map[string]func(*metadata.Hotfix){
		"no issue":           func(x *metadata.Hotfix) { x.Issue = "" },
		"words for an issue": func(x *metadata.Hotfix) { x.Issue = "ask me" },
		"a password":         func(x *metadata.Hotfix) { x.Issue = strings.Replace(fake.PasswordURL(), "postgres:", "https:", 1) },
		"no way back":        func(x *metadata.Hotfix) { x.WayBack = " " },
		"no follow-up":       func(x *metadata.Hotfix) { x.FollowUp = "" },
		"nobody":             func(x *metadata.Hotfix) { x.By = "" },
		"no scope":           func(x *metadata.Hotfix) { x.Scope = nil },
		"no fields":          func(x *metadata.Hotfix) { x.Scope[0].Fields = nil },
		"all fields":         func(x *metadata.Hotfix) { x.Scope[0].Fields = []string{"*"} },
		"half a field":       func(x *metadata.Hotfix) { x.Scope[0].Fields = []string{"spec."} },
		"an open bracket":    func(x *metadata.Hotfix) { x.Scope[0].Fields = []string{"spec.containers[api"} },
		"all objects":        func(x *metadata.Hotfix) { x.Scope[0].Object = "Deployment/*" },
		"no kind":            func(x *metadata.Hotfix) { x.Scope[0].Object = "api" },
		"no end":             func(x *metadata.Hotfix) { x.ExpiresAt = "" },
		"ended before":       func(x *metadata.Hotfix) { x.ExpiresAt = x.RecordedAt },
		"a path for a name":  func(x *metadata.Hotfix) { x.Name = "../hold" },
	} {
		x := hotfix()
		change(x)
		if _, err := x.Encode(shop(t)); fail.RuleOf(err) != "H3" || fail.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := metadata.ParseHotfix("hotfixes/other.json", encoded(t, hotfix()), shop(t)); fail.RuleOf(err) != "H3" {
		t.Errorf("under another name: %v", err)
	}
}

func TestIssues(t *testing.T) {
	for _, issue := range []string{"#12", "!7", "shop/shop#12", "OPS-12", "https://git.example.com/shop/shop/pull/3"} {
		x := hotfix()
		x.Issue = issue
		if _, err := x.Encode(shop(t)); err != nil {
			t.Error(err)
		}
	}
}

func TestH3_CoversItsFieldsAlone(t *testing.T) {
	x := hotfix()
	for field, want := range map[string]bool{
		"spec.replicas":   true,
		"spec[replicas]":  true,
		"spec.replicas.x": true,
		"spec.replicasX":  false,
		"spec":            false,
		"":                false,
		"spec.template.spec.containers[api].env[MOOD].value":  true,
		"spec.template.spec.containers[api].image":            false,
		"spec.template.spec.containers[other].env[MOOD].name": false,
	} {
		if got := x.Covers("Deployment/api", field); got != want {
			t.Errorf("%q: %t", field, got)
		}
	}
	if x.Covers("Deployment/web", "spec.replicas") || x.Covers("StatefulSet/api", "spec.replicas") {
		t.Error("it covers another object")
	}
}

func TestReadTellsWhatIsNone(t *testing.T) {
	n := shop(t)
	r := metadata.Read(map[string][]byte{
		metadata.HoldPath(n):                    []byte("{}"),
		metadata.HotfixPath(n, "more-replicas"): encoded(t, hotfix()),
		metadata.HotfixPath(n, "other"):         encoded(t, hotfix()),
		n.Metadata() + "/notes":                 []byte("not ours"),
		n.RuntimePath + "/hold.json":            []byte("nor this"),
	}, n)
	if r.Hold != nil || len(r.Hotfixes) != 1 || len(r.Problems) != 3 || !strings.Contains(r.Problems[1].Error()+r.Problems[2].Error(), ".lane/notes") {
		t.Errorf("%+v", r)
	}
}

func TestSchemasAndTypesHaveTheSameFields(t *testing.T) {
	schematest.SameFields(t, metadata.HoldSchema(), metadata.Hold{})
	schematest.SameFields(t, metadata.HotfixSchema(), metadata.Hotfix{})
	for _, s := range []struct{ schema, doc []byte }{
		{metadata.HoldSchema(), encoded(t, hold(t))}, {metadata.HotfixSchema(), encoded(t, hotfix())},
	} {
		schema := schematest.Compile(t, s.schema)
		if err := schematest.Valid(t, schema, s.doc); err != nil {
			t.Error(err)
		}
		for old, wrong := range map[string]string{`"v0.3"`: `"three"`, "2026-01-02T03": "today", `"lane"`: `"more": 1, "lane"`, "Ada": `\u001b`} {
			if doc := strings.ReplaceAll(string(s.doc), old, wrong); schematest.Valid(t, schema, []byte(doc)) == nil {
				t.Errorf("accepted with %q", wrong)
			}
		}
	}
}

// FuzzParse: what is taken is written again as the same bytes, and can be shown.
func FuzzParse(f *testing.F) {
	n := shop(f)
	f.Add(encoded(f, hold(f)))
	f.Add(encoded(f, hotfix()))
	f.Fuzz(func(t *testing.T, data []byte) {
		if h, err := metadata.ParseHold("hold.json", data, n); err == nil {
			if again, err := h.Encode(n); err != nil || !bytes.Equal(again, data) || strings.ContainsAny(h.String(), "\x1b\n\r\u202e") {
				t.Errorf("%v: %q", err, again)
			}
		}
		if x, err := metadata.ParseHotfix("more-replicas.json", data, n); err == nil {
			if again, err := x.Encode(n); err != nil || !bytes.Equal(again, data) || strings.ContainsAny(x.String(), "\x1b\n\r\u202e") {
				t.Errorf("%v: %q", err, again)
			}
		}
	})
}

// FuzzCovers: whatever a field is called, a record covers what lies in its scope and
// below, and nothing beside it.
func FuzzCovers(f *testing.F) {
	for _, field := range []string{"spec.replicas", "spec", "spec.template.spec.containers[api].image", "metadata.labels[a.b/c]", "a[", "]", "..", "a[b]c", ""} {
		f.Add(field, field)
	}
	f.Fuzz(func(t *testing.T, within, field string) {
		x := hotfix()
		x.Scope = []metadata.Scope{{Object: "Deployment/api", Fields: []string{within}}}
		covers := x.Covers("Deployment/api", field)
		if x.Covers("Deployment/web", field) {
			t.Error("another object is covered")
		}
		if covers && !x.Covers("Deployment/api", field+".more") {
			t.Errorf("%q covers %q and nothing below it", within, field)
		}
		if within != field && covers && len(field) < len(within) && !strings.ContainsAny(within+field, "[]") {
			t.Errorf("%q covers the wider %q", within, field)
		}
	})
}

// FuzzRead: whatever lies below the metadata's path, each document is taken or is a
// problem that can be shown.
func FuzzRead(f *testing.F) {
	n := shop(f)
	f.Add("hotfix/x.json", encoded(f, hotfix()), encoded(f, hold(f)))
	f.Add("old/deployment.yaml", []byte("kind: Deployment\n"), encoded(f, hold(f)))
	f.Add("hotfix/../hold.json", []byte("{}"), []byte("null"))
	f.Fuzz(func(t *testing.T, name string, one, two []byte) {
		r := metadata.Read(map[string][]byte{n.Metadata() + "/" + name: one, metadata.HoldPath(n): two}, n)
		if len(r.Hotfixes)+len(r.Problems) > 2 || r.Hold == nil && len(r.Problems) == 0 {
			t.Errorf("%+v", r)
		}
		for _, err := range r.Problems {
			if strings.ContainsAny(err.Error(), "\n\x1b") || fail.HintOf(err) == "" {
				t.Errorf("%q", err)
			}
		}
	})
}
