package builder

import (
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/registry"
)

// F5: whoever changes what the builders are asked for must raise settings, or equal
// identities would no longer mean equal images. Then this hash changes too.
func TestF5_SettingsAreVersioned(t *testing.T) {
	r := Request{
		Context: "/c", Dockerfile: "/d/Dockerfile", Image: registry.Ref{Registry: "127.0.0.1:5000", Repository: "x/y"},
		Bases: map[string]string{"b": "r@sha256:0", "a": "r@sha256:1"}, Identity: "sha256:i",
	}
	args := append(buildArgs(r, "/m", "/p"), budArgs(r, "/p", "/i")...)
	const want = "sha256:819fe2bfdbf30996ac12b17214aec58093c37944424b197f2dad398c3fdd20e6"
	if got := canon.Digest([]byte(strings.Join(args, "\n"))); got != want || settings != "settings 1" {
		t.Errorf("%s asks with %s:\n%s", settings, got, strings.Join(args, "\n"))
	}
}
