package registry_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/registry"
)

// proving is what a registry is asked when all is well.
func proving() []step {
	good := ok(registry.Schema2, manifest)
	return []step{
		{"tag", http.MethodHead, "manifests/" + tag, schema2, good},
		{"body", http.MethodGet, "manifests/" + digest, schema2, good},
		{"digest", http.MethodHead, "manifests/" + digest, schema2, good},
		{"tag again", http.MethodHead, "manifests/" + tag, anything, good},
	}
}

// until is the script up to the step of that name, which answers with reply,
// followed by what comes then.
func until(name string, reply http.HandlerFunc, then ...step) []step {
	script := proving()
	i := slices.IndexFunc(script, func(s step) bool { return s.name == name })
	script[i].reply = reply
	return append(script[:i+1], then...)
}

func times(n int, s step) []step { return slices.Repeat([]step{s}, n) }

func TestF3_Proves(t *testing.T) {
	ref := faulty(t, proving()...)
	got, err := client(t).Prove(t.Context(), ref, tag, digest)
	if err != nil {
		t.Fatal(err)
	}
	if want := (registry.Proof{Digest: digest, MediaType: registry.Schema2, Size: int64(len(manifest))}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestF3_RefusesByName(t *testing.T) {
	const (
		schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
		v2      = registry.Schema2
	)
	look := func(reply http.HandlerFunc) step {
		return step{"look closer", http.MethodHead, "manifests/" + tag, anything, reply}
	}
	swapped := bytes.Replace(manifest, []byte("not really"), []byte("really not"), 1)
	swapped = append(swapped, ' ')
	disguised := bytes.Replace(manifest, []byte(`"layers"`), []byte(`"manifests":[],"layers"`), 1)
	missing := status(http.StatusNotFound, "MANIFEST_UNKNOWN")

	tests := []struct {
		name, why string
		want      string // the builder's digest, when not the manifest's
		script    []step
	}{
		{"schema1", "a schema1 compatibility manifest", "", until("tag", says(schema1, other, manifest))},
		{"manifest list", "a manifest list", "", until("tag", ok(registry.SchemaList, manifest))},
		{"manifest list answered with its child", "a manifest list", "", until("tag again", says(registry.SchemaList, other, manifest))},
		{"child of a manifest list that is not the built image", "a manifest list", other, until("tag", ok(v2, manifest), look(says(registry.SchemaList, other, nil)))},
		{"index", "an OCI index", "", until("tag", ok(registry.OCIIndex, manifest))},
		{"OCI manifest", "an OCI manifest", "", until("tag", ok(registry.OCIManifest, manifest))},
		{"OCI manifest denied to who asks for schema2", "an OCI manifest", "", until("tag", missing, look(ok(registry.OCIManifest, manifest)))},
		{"index denied to who asks for schema2", "an OCI index", "", until("tag", missing, look(ok(registry.OCIIndex, manifest)))},
		{"unknown type", `something ("text/html"`, "", until("tag", ok("text/html", manifest))},
		{"no type", `something (""`, "", until("tag", says("", digest, manifest))},
		{"tag absent", "does not know this tag", "", until("tag", missing, look(missing))},
		{"tag means another image", "not the built", "", until("tag", says(v2, other, nil), look(says(v2, other, nil)))},
		{"no digest header", "without a Docker-Content-Digest", "", until("tag", says(v2, "", manifest))},
		{"digest header that is none", `"sha256:short"`, "", until("tag", says(v2, "sha256:short", manifest))},
		{"two digest headers", "2 values", "", until("tag", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Docker-Content-Digest"] = []string{digest, other}
		})},
		{"body of another type", "an OCI manifest", "", until("body", says(registry.OCIManifest, digest, manifest))},
		{"body hashes to something else", "a body that hashes to " + canon.Digest(swapped), "", until("body", says(v2, digest, swapped))},
		{"lying digest header with the body", "says " + other, "", until("body", says(v2, other, manifest))},
		{"no digest header with the body", "without a Docker-Content-Digest", "", until("body", says(v2, "", manifest))},
		{"body not there by digest", "404 to a GET", "", until("body", missing)},
		{"not there by digest", "404 to a HEAD", "", until("digest", missing)},
		{"another type by digest", "a schema1", "", until("digest", says(schema1, digest, manifest))},
		{"another digest by digest", "says " + other, "", until("digest", says(v2, other, manifest))},
		{"tag moved", "the tag moved from " + digest + " to " + other, "", until("tag again", says(v2, other, manifest))},
		{"tag went away", "went away", "", until("tag again", missing)},
		{"tag became an index", "an OCI index", "", until("tag again", says(registry.OCIIndex, other, manifest))},
		{"body that is also a list", "as one of another type", canon.Digest(disguised), []step{
			{"tag", http.MethodHead, "manifests/" + tag, schema2, ok(v2, disguised)},
			{"body", http.MethodGet, "manifests/" + canon.Digest(disguised), schema2, ok(v2, disguised)},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want == "" {
				want = digest
			}
			ref := faulty(t, tt.script...)
			got, err := client(t).Prove(t.Context(), ref, tag, want)
			if fail.CodeOf(err) != fail.Refused || fail.RuleOf(err) != "F3" || fail.HintOf(err) == "" || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("got %v (exit %d, hint %q), want %q", err, fail.CodeOf(err), fail.HintOf(err), tt.why)
			}
			if got != (registry.Proof{}) {
				t.Errorf("a refusal comes with the proof %+v", got)
			}
			if !strings.HasPrefix(err.Error(), ref.String()) {
				t.Errorf("the error does not say where: %v", err)
			}
		})
	}
}

func TestTroubleIsAFailureWithAHint(t *testing.T) {
	first := func(reply http.HandlerFunc) step {
		return step{"tag", http.MethodHead, "manifests/" + tag, schema2, reply}
	}
	body := func(reply http.HandlerFunc) step {
		return step{"body", http.MethodGet, "manifests/" + digest, schema2, reply}
	}
	good := first(ok(registry.Schema2, manifest))
	drop := func(w http.ResponseWriter, _ *http.Request) {
		panic(http.ErrAbortHandler)
	}
	gone := status(http.StatusNotFound, "NAME_UNKNOWN")
	elsewhere := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://192.0.2.1/secret?token=abc", http.StatusTemporaryRedirect)
	}
	here := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/v2/"+repository+"/manifests/x", http.StatusTemporaryRedirect)
	}

	tests := []struct {
		name, why, hint string
		script          []step
	}{
		{"401", "401 Unauthorized", "without a login", []step{first(status(401, "UNAUTHORIZED", "Www-Authenticate", `Basic realm="secret"`))}},
		{"403", "403 Forbidden", "without a login", []step{first(status(403, "DENIED"))}},
		{"404 of the repository", "NAME_UNKNOWN", "registry.address", []step{good, body(gone)}},
		{"400", "NAME_INVALID: said the registry", "what listens", []step{good, body(status(400, "NAME_INVALID"))}},
		{"429 for ever", "429 Too Many Requests (tried 3 times)", "wait", times(3, first(status(429, "TOOMANYREQUESTS", "Retry-After", "1")))},
		{"429 for too long", "wants 2h0m0s of rest", "wait", []step{first(status(429, "TOOMANYREQUESTS", "Retry-After", "7200"))}},
		{"500 for ever", "500 Internal Server Error (tried 3 times)", "log", times(3, first(status(500, "UNKNOWN")))},
		{"503 for ever", "503 Service Unavailable (tried 3 times)", "log", times(3, first(status(503, "UNAVAILABLE")))},
		{"cut body for ever", "broke off after", "start the registry", append([]step{good}, times(3, body(cut(registry.Schema2, digest, manifest[:40])))...)},
		{"endless body", "does not end within 4194304 bytes", "what answers", []step{good, body(endless)}},
		{"connection closed for ever", "EOF", "start the registry", times(3, first(drop))},
		{"redirect to another host", `another host, "192.0.2.1"`, "without redirects", []step{first(elsewhere)}},
		{"redirect of a manifest", "where an answer is due", "without redirects", []step{good, body(here)}},
		{"redirect to nowhere", "to nowhere", "without redirects", []step{first(status(307, ""))}},
		{"hang", "did not answer in time", "overloaded", []step{first(hang)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ref := faulty(t, tt.script...)
			c := client(t)
			if tt.name == "hang" {
				c.Timeout = 50 * time.Millisecond
			}
			_, err := c.Prove(t.Context(), ref, tag, digest)
			if fail.CodeOf(err) != fail.Failed || !strings.Contains(err.Error(), tt.why) || !strings.Contains(fail.HintOf(err), tt.hint) {
				t.Errorf("got %v (exit %d, hint %q), want %q, hint %q", err, fail.CodeOf(err), fail.HintOf(err), tt.why, tt.hint)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}

func TestTroubleThatPasses(t *testing.T) {
	script := proving()
	script = slices.Concat(
		[]step{{"tag", http.MethodHead, "manifests/" + tag, schema2, status(503, "UNAVAILABLE")}},
		[]step{{"tag", http.MethodHead, "manifests/" + tag, schema2, status(429, "TOOMANYREQUESTS", "Retry-After", "7")}},
		script[:1],
		[]step{{"body", http.MethodGet, "manifests/" + digest, schema2, cut(registry.Schema2, digest, manifest)}},
		script[1:],
	)
	ref := faulty(t, script...)
	c := client(t)
	var pauses []time.Duration
	c.Pause = func(_ context.Context, d time.Duration) error {
		pauses = append(pauses, d)
		return nil
	}
	if _, err := c.Prove(t.Context(), ref, tag, digest); err != nil {
		t.Fatal(err)
	}
	if want := []time.Duration{100 * time.Millisecond, 7 * time.Second, 100 * time.Millisecond}; !slices.Equal(pauses, want) {
		t.Errorf("it waited %v, want %v", pauses, want)
	}
}

func TestContextEndsAQuestion(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ref := faulty(t, step{"tag", http.MethodHead, "manifests/" + tag, schema2, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		hang(w, r)
	}})
	_, err := client(t).Prove(ctx, ref, tag, digest)
	if !errors.Is(err, context.Canceled) || fail.CodeOf(err) != fail.Interrupted {
		t.Errorf("got %v", err)
	}
}

func TestContextEndsAPause(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ref := faulty(t, step{"tag", http.MethodHead, "manifests/" + tag, schema2, func(w http.ResponseWriter, r *http.Request) {
		status(429, "TOOMANYREQUESTS", "Retry-After", "29")(w, r)
	}})
	c := client(t)
	pause := registry.New(false).Pause
	c.Pause = func(ctx context.Context, d time.Duration) error {
		cancel()
		return pause(ctx, d)
	}
	if _, err := c.Prove(ctx, ref, tag, digest); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestNothingListens(t *testing.T) {
	_, err := client(t).Prove(t.Context(), registry.Ref{Registry: "127.0.0.1:1", Repository: repository}, tag, digest)
	if fail.CodeOf(err) != fail.Failed || !strings.Contains(err.Error(), "connection refused") || fail.HintOf(err) == "" {
		t.Errorf("got %v, hint %q", err, fail.HintOf(err))
	}
}

func TestRefusesNamesThatLeadElsewhere(t *testing.T) {
	for _, ref := range []registry.Ref{
		{Registry: "127.0.0.1:1/x", Repository: "a"},
		{Registry: "user:password@host", Repository: "a"},
		{Registry: "", Repository: "a"},
		{Registry: "127.0.0.1:1", Repository: "../../etc"},
		{Registry: "127.0.0.1:1", Repository: "A"},
		{Registry: "127.0.0.1:1", Repository: "a?b"},
		{Registry: "127.0.0.1:1", Repository: strings.Repeat("a", 256)},
	} {
		if _, err := client(t).Prove(t.Context(), ref, tag, digest); fail.CodeOf(err) != fail.Refused {
			t.Errorf("%v: %v", ref, err)
		}
	}
	if _, _, err := client(t).Head(t.Context(), registry.Ref{Registry: "127.0.0.1:1", Repository: "a"}, "../x"); fail.RuleOf(err) != "F1" {
		t.Errorf("a bad tag gives %v", err)
	}
}

// Plain HTTP is only for loopback addresses and declared registries.
func TestSpeaksTLSWithOthers(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:5000": true, "127.9.9.9": true, "localhost:5000": true, "[::1]:5000": true,
		"registry.example:5000": false, "10.0.0.1": false, "localhost.example": false, "127.0.0.1.example": false,
	} {
		if got := registry.Loopback(address); got != want {
			t.Errorf("Loopback(%q) = %t", address, got)
		}
	}
}
