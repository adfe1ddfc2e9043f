package runner

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
)

const (
	auth   = `{"auth_mode":"apikey","OPENAI_API_KEY":"not-a-key-0123456789"}`
	config = "model = \"some-model\"\n"
)

// project lays files out as Kubernetes projects a Secret: symlinks through
// ..data into a folder of one generation, which the kubelet swaps as a whole.
func project(t *testing.T, dir, generation string, files map[string]string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Join(dir, generation), 0o755))
	for name, content := range files {
		must(t, os.WriteFile(filepath.Join(dir, generation, name), []byte(content), 0o440))
		link := filepath.Join(dir, name)
		if _, err := os.Lstat(link); err != nil {
			must(t, os.Symlink(filepath.Join("..data", name), link))
		}
	}
	must(t, os.Symlink(generation, filepath.Join(dir, "..data_tmp")))
	must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
}

func TestG7_FillHomeCopiesAProjectedSecret(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	project(t, from, "..2026_01_01", map[string]string{"auth.json": auth, "config.toml": config, "other-key": "not for Codex"})
	// What Codex wrote of its own stays; what an interrupted copy left does not.
	must(t, os.WriteFile(filepath.Join(to, "state.sqlite"), []byte("state"), 0o600))
	must(t, os.WriteFile(filepath.Join(to, ".auth.json.new"), []byte("left over"), 0o644))

	for range 2 {
		if err := FillHome(from, to); err != nil {
			t.Fatal(err)
		}
		wantHome(t, to, map[string]string{"auth.json": auth, "config.toml": config, "state.sqlite": "state"})
	}

	rotated := strings.Replace(auth, "0123", "4567", 1)
	project(t, from, "..2026_01_02", map[string]string{"auth.json": rotated, "config.toml": config})
	if err := FillHome(from, to); err != nil {
		t.Fatal(err)
	}
	wantHome(t, to, map[string]string{"auth.json": rotated, "config.toml": config, "state.sqlite": "state"})
}

func TestFillHomeReplacesALinkAndNotItsTarget(t *testing.T) {
	from, to, elsewhere := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "elsewhere")
	must(t, os.WriteFile(filepath.Join(from, "auth.json"), []byte(auth), 0o600))
	must(t, os.WriteFile(filepath.Join(from, "config.toml"), []byte(config), 0o600))
	must(t, os.WriteFile(elsewhere, []byte("mine"), 0o600))
	must(t, os.Symlink(elsewhere, filepath.Join(to, "auth.json")))
	if err := FillHome(from, to); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(elsewhere); err != nil || string(got) != "mine" {
		t.Errorf("the link's target is now %q, %v", got, err)
	}
	wantHome(t, to, map[string]string{"auth.json": auth, "config.toml": config})
}

func TestG7_FillHomeRefuses(t *testing.T) {
	const secret = "not-a-key"
	tests := []struct {
		name         string
		auth, config string // "" for no file
		why          []string
	}{
		{"nothing there", "", "", []string{"auth.json: the file is missing", "config.toml: the file is missing"}},
		{"no auth", "", config, []string{"auth.json: the file is missing"}},
		{"auth is not JSON", secret, config, []string{"auth.json: it is not a JSON object"}},
		{"auth is a list", `["` + secret + `"]`, config, []string{"auth.json: it is not a JSON object"}},
		{"auth is null", "null", config, []string{"auth.json: it is not a JSON object"}},
		{"auth is truncated", auth[:len(auth)-2], config, []string{"auth.json: it is not a JSON object"}},
		{"auth with more behind it", auth + auth, config, []string{"auth.json: it is not a JSON object"}},
		{"key is a number", `{"OPENAI_API_KEY":1}`, config, []string{"auth.json: it is not a JSON object"}},
		{"no credential", `{}`, config, []string{"auth.json: it holds no credential"}},
		{"empty credential", `{"OPENAI_API_KEY":"","tokens":{"access_token":""}}`, config, []string{"auth.json: it holds no credential"}},
		{"auth too large", `{"OPENAI_API_KEY":"` + strings.Repeat(secret, homeFileBytes/8) + `"}`, config, []string{"auth.json: it cannot be read: it is too large"}},
		{"no config", auth, "", []string{"config.toml: the file is missing"}},
		{"blank config", auth, " \n", []string{"config.toml: it is empty"}},
		{"both", secret, "\n", []string{"auth.json: it is not a JSON object", "config.toml: it is empty"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			from, to := t.TempDir(), t.TempDir()
			files := map[string]string{"auth.json": tt.auth, "config.toml": tt.config}
			for name, content := range files {
				if content == "" {
					delete(files, name)
				}
			}
			project(t, from, "..2026_01_01", files)
			refused(t, FillHome(from, to), secret, tt.why...)
			wantHome(t, to, nil)
		})
	}
}

func TestFillHomeRefusesFolders(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	project(t, from, "..2026_01_01", map[string]string{"auth.json": auth, "config.toml": config})
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	refused(t, FillHome(from, file), "", "the home is not a writable folder: it is not a folder")
	refused(t, FillHome(from, filepath.Join(to, "missing")), "", "the home is not a writable folder: no such file")
	refused(t, FillHome(from, "/proc"), "", "/proc: the home is not a writable folder")
	refused(t, FillHome(filepath.Join(to, "missing"), "/proc"), "", "auth.json: the file is missing", "config.toml: the file is missing", "/proc: the home")

	pipe := t.TempDir()
	must(t, syscall.Mkfifo(filepath.Join(pipe, "auth.json"), 0o600))
	must(t, os.Mkdir(filepath.Join(pipe, "config.toml"), 0o700))
	refused(t, FillHome(pipe, to), "", "auth.json: it cannot be read: it is not a file", "config.toml: it cannot be read: it is not a file")

	must(t, os.MkdirAll(filepath.Join(to, "config.toml", "in-the-way"), 0o700))
	err := FillHome(from, to)
	if fail.CodeOf(err) != fail.Failed || fail.HintOf(err) == "" || strings.Contains(err.Error(), "not-a-key") {
		t.Errorf("a folder in the place of a file gives %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(to, ".*.new")); left != nil {
		t.Errorf("%v is left", left)
	}
}

// A login's tokens are as good as an API key.
func TestCheckAuthTakesTokens(t *testing.T) {
	if why := checkAuth([]byte(`{"OPENAI_API_KEY":null,"tokens":{"id_token":"i","access_token":"a","refresh_token":"r"},"last_refresh":"2026-01-01T00:00:00Z"}`)); why != "" {
		t.Error(why)
	}
}

func FuzzCheckAuth(f *testing.F) {
	f.Add([]byte(auth))
	f.Add([]byte(`{"tokens":{"access_token":"a"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		why := checkAuth(data)
		if why == "" && !strings.Contains(string(data), "\\") && !strings.Contains(string(data), "OPENAI_API_KEY") && !strings.Contains(string(data), "access_token") {
			t.Errorf("%q passes", data)
		}
	})
}

// refused wants an error with the exit code BadConfig, every sentence and no
// secret.
func refused(t *testing.T, err error, secret string, why ...string) {
	t.Helper()
	if fail.CodeOf(err) != BadConfig {
		t.Fatalf("got %v (exit code %d)", err, fail.CodeOf(err))
	}
	text := err.Error()
	if got := strings.Count(text, "hint: "); got != len(why) {
		t.Errorf("%d problems, want %d:\n%s", got, len(why), text)
	}
	for _, w := range why {
		if !strings.Contains(text, w) {
			t.Errorf("%q is missing in:\n%s", w, text)
		}
	}
	if secret != "" && strings.Contains(text, secret) {
		t.Errorf("the content is in the error:\n%s", text)
	}
}

func wantHome(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		info, err := e.Info()
		must(t, err)
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
		if got, err := os.ReadFile(filepath.Join(dir, e.Name())); err != nil || string(got) != files[e.Name()] {
			t.Errorf("%s holds %q, %v, want %q", e.Name(), got, err, files[e.Name()])
		}
	}
	for name := range files {
		if !slices.Contains(names, name) {
			t.Errorf("%s is missing", name)
		}
	}
	if len(names) != len(files) {
		t.Errorf("the home holds %v", names)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
