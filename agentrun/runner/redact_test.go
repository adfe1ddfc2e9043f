package runner

import (
	"encoding/base64"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	credential "github.com/pikasTech/agentrun/internal/secretscan/fake"
)

// TestC4_NoBorderHidesACredential: wherever a text is cut into pieces, what is shown is
// what would be shown of the whole, and no form of a credential is in it.
func TestC4_NoBorderHidesACredential(t *testing.T) {
	secret := credential.Password() + "\"中\\" // JSON has to escape it
	r := newRedactor([]string{secret, credential.Token(), "short"})
	forms := r.known.Load().list
	rapid.Check(t, func(t *rapid.T) {
		var whole strings.Builder
		for range rapid.IntRange(0, 6).Draw(t, "parts") {
			part := rapid.SampledFrom(append([]string{"a text ", "中文", secret[:5], secret[:len(secret)-2], "short", ""}, forms...)).Draw(t, "part")
			whole.WriteString(part)
		}
		text, rest := whole.String(), ""
		var shown strings.Builder
		for len(text) > 0 {
			n := rapid.IntRange(1, len(text)).Draw(t, "n")
			n = max(len(cut(text, n)), min(4, len(text)))
			piece := cut(text, n)
			text = text[len(piece):]
			var now string
			now, rest = r.ready(rest + piece)
			shown.WriteString(now)
		}
		shown.WriteString(r.text(rest))
		for _, form := range forms {
			if strings.Contains(shown.String(), form) {
				t.Fatalf("%q holds %q", shown.String(), form)
			}
		}
		if strings.Count(whole.String(), secret) > strings.Count(shown.String(), redacted) {
			t.Fatalf("of %q is shown %q", whole.String(), shown.String())
		}
	})
}

func TestRedactorKnowsTheForms(t *testing.T) {
	secret := credential.Password() + "\"\n"
	r := newRedactor([]string{secret})
	for name, text := range map[string]string{
		"plain": secret, "JSON": strings.NewReplacer("\"", "\\\"", "\n", "\\n").Replace(secret),
		"base64": base64.StdEncoding.EncodeToString([]byte(secret)), "base64url": base64.RawURLEncoding.EncodeToString([]byte(secret)),
	} {
		if got := r.text("<" + text + ">"); got != "<"+redacted+">" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := newRedactor([]string{"short", ""}).text("a short text"); got != "a short text" {
		t.Errorf("what is no credential gives %q", got)
	}
}

// TestC4_ARenewedTokenIsKnown: the kubelet replaces the file's content while the attempt
// is under way.
func TestC4_ARenewedTokenIsKnown(t *testing.T) {
	server := httptest.NewServer(nil)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "token")
	r := newRedactor(nil)
	up := &upstream{url: server.URL, tokenFile: file, http: server.Client(), learn: func(token string) { r.add(token) }}
	for _, token := range []string{"the-first-of-the-tokens", "the-second-of-the-tokens"} {
		must(t, os.WriteFile(file, []byte(token+"\n"), 0o600))
		_, _ = up.heartbeat(t.Context()) // the server knows nothing: it is about the way there
	}
	if got := r.text("the-first-of-the-tokens, the-second-of-the-tokens"); got != redacted+", "+redacted {
		t.Errorf("%q is shown", got)
	}
}

// TestC4_NoTailBeginsInACredential: the rest of one is not recognised.
func TestC4_NoTailBeginsInACredential(t *testing.T) {
	secret := credential.Password()
	text := secret + "\n" + strings.Repeat("a line\n", 1000)
	for over := range len(secret) {
		log := &stderr{}
		for _, part := range []string{strings.Repeat("x", over), "\n", secret, strings.Repeat("\nline", (logBytes-len(secret))/5), "\nend"} {
			_, _ = log.Write([]byte(part))
		}
		file := filepath.Join(t.TempDir(), "rollout.jsonl")
		must(t, os.WriteFile(file, []byte(text), 0o600))
		tail, err := tailOf(file, int64(len(text)-over))
		must(t, err)
		r := newRedactor([]string{secret})
		for name, shown := range map[string]string{"log": log.text(), "file": string(tail)} {
			if shown = r.text(shown); strings.Contains(shown, secret[len(secret)-8:]) || !strings.Contains(shown, "line") {
				t.Fatalf("%d bytes too many: %s shows %.100q", over, name, shown)
			}
		}
	}
}
