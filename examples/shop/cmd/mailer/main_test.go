package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLetterFromAFilledHome(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(from, accountFile), []byte(`{"sender": "The shop"}`), 0o400); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MAILER_HOME", to)
	var out strings.Builder
	if err := run([]string{"home", "--from", from, "--to", to}, &out); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"letter", "450", "2900"}, &out); err != nil {
		t.Fatal(err)
	}
	if want := "We took 33.50 EUR today.\n\nThe shop\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
