package golang

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

func TestF5_ToolchainIsTheCommitsOwn(t *testing.T) {
	tests := []struct {
		name, lines, local string
		want, wrong        string
	}{
		{"toolchain line", "go 1.25.0\ntoolchain go1.26.7\n", "", "go1.26.7", ""},
		{"toolchain line of a release candidate", "go 1.25.0\ntoolchain go1.27rc1\n", "", "go1.27rc1", ""},
		{"toolchain line older than the go line", "go 1.26.3\ntoolchain go1.26.0\n", "", "go1.26.3", ""},
		{"local is newer than the go line", "go 1.26.0\n", "go1.26.8", "go1.26.8", ""},
		{"local is older than the go line", "go 1.26.8\n", "go1.26.0", "go1.26.8", ""},
		{"language version alone", "go 1.26\n", "go1.26.8", "go1.26.8", ""},
		{"toolchain default", "go 1.26.0\ntoolchain default\n", "go1.26.8", "go1.26.8", ""},
		{"no go line", "", "go1.26.8", "go1.26.8", ""},
		{"older language without a release", "go 1.99\n", "go1.26.8", "", "it needs go1.99, and the local Go is go1.26.8"},
		{"local development version", "go 1.26.0\n", "devel go1.27-abcdef", "", "the local Go is \"devel go1.27-abcdef\", which is not a release"},
		{"local with an experiment", "go 1.26.0\n", "go1.26.8 X:synctest", "", "is not a release"},
		{"language version as a toolchain", "go 1.25.0\ntoolchain go1.26\n", "", "", "the toolchain line names \"go1.26\""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := modfile.Parse("go.mod", []byte("module m\n"+tt.lines), nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := toolchain(t.Context(), "go.mod", f, func(context.Context) (string, error) {
				if tt.local == "" {
					return "", errors.New("the local Go was asked for")
				}
				return tt.local, nil
			})
			if got != tt.want || (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("got %q, %v; want %q, %q", got, err, tt.want, tt.wrong)
			}
		})
	}
}

// TestToolTagsComeFromTheToolchain: what lane was compiled with has no say.
func TestToolTagsComeFromTheToolchain(t *testing.T) {
	t.Setenv("GOEXPERIMENT", "none")
	tool := new(Tool)
	local, err := tool.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tags, err := tool.tags(t.Context(), local)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(tags, " "), "goexperiment.") {
		t.Errorf("%s sets %q", local, tags)
	}
}

// TestNewerToolchainIsLeftToTheGoCommand: its rules may be newer than those that
// this package was compiled with.
func TestNewerToolchainIsLeftToTheGoCommand(t *testing.T) {
	tr := open(t, "-- go.mod --\nmodule m\n\ngo 1.26.0\n\ntoolchain go1.99.0\n", nil)
	m, err := readModule(t.Context(), tr, ".", nil)
	if err != nil || m.doubt != "go1.99.0 is newer than lane itself" {
		t.Errorf("doubt %q, %v", m.doubt, err)
	}
}
