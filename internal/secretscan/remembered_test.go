package secretscan_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/memo"
	"github.com/pikasTech/agentrun/internal/secretscan"
	"github.com/pikasTech/agentrun/internal/secretscan/fake"
)

// TestC4_RememberedFindsTheSame: what was looked at before is found again, whoever looks;
// what is kept of it is no credential, and says nothing of another content or name.
func TestC4_RememberedFindsTheSame(t *testing.T) {
	rules, file := secretscan.Default(), filepath.Join(t.TempDir(), "secrets.memo")
	token := fake.GitHubToken()
	clean, dirty := []byte("name: api\n"), []byte("name: api\ntoken: "+token+"\n")
	want := rules.Scan("a.yaml", dirty)
	if len(want) == 0 {
		t.Fatal("the scanner finds nothing")
	}
	for range 2 { // the second from the file
		looked := memo.Open(file)
		r := secretscan.Remembered{Rules: rules, Memo: looked}
		for range 2 { // the second from memory
			if diff := cmp.Diff(want, r.Scan("deploy/a.yaml", dirty)); diff != "" {
				t.Error(diff)
			}
			if hits := r.Scan("deploy/a.yaml", clean); len(hits) > 0 {
				t.Errorf("found %v", hits)
			}
		}
		looked.Save()
	}
	kept, err := os.ReadFile(file)
	if err != nil || len(kept) == 0 || strings.Contains(string(kept), token) {
		t.Errorf("%v, kept %q", err, kept)
	}

	// The rule for passwords in Terraform looks at such files alone.
	text := []byte(`administrator_login_password = "` + token + `"` + "\n")
	r := secretscan.Remembered{Rules: rules, Memo: memo.Open(file)}
	for _, name := range []string{"main.txt", "main.tf", "main.txt"} {
		if diff := cmp.Diff(rules.Scan(name, text), r.Scan(name, text)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
