package scratch

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/fail"
)

func TestPostgresProgramsAreTheNewest(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	versions := t.TempDir()
	if _, err := postgresPrograms(versions); !child.Missing(err) || fail.HintOf(err) != "apt-get install postgresql" {
		t.Errorf("none is installed: %v, hint %q", err, fail.HintOf(err))
	}
	for _, v := range []string{"9", "15", "common"} {
		bin := filepath.Join(versions, v, "bin")
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bin, "initdb"), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	got, err := postgresPrograms(versions)
	if want := filepath.Join(versions, "15", "bin"); got != want || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
