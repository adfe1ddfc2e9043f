package plan_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/intent"
)

const pictures = `
-- go.mod --
module example.com/app

go 1.26.0

toolchain go1.26.8
-- cmd/app/main.go --
package main

func main() {}
-- assets/a.png --
-- assets/b.png --
-- assets/deep/c.png --
-- assets/notes.txt --
-- bin --
-- archives.lock --
archive fonts/sans sha256:4444444444444444444444444444444444444444444444444444444444444444 https://fonts.example.com/sans.tar.gz
-- bad.lock --
archive fonts/sans
-- .dockerignore --
*
`

// TestF5_DockerfileAndInputsAgree: what a Dockerfile copies is declared, or it is
// refused; nothing is silently missing.
func TestF5_DockerfileAndInputsAgree(t *testing.T) {
	tests := []struct {
		name, dockerfile string
		build            intent.Build
		copies, refused  string
	}{
		{"a glob", "COPY assets/*.png /", intent.Build{Inputs: []string{"assets/*.png"}}, "assets/a.png assets/b.png", ""},
		{"a folder", "COPY assets /", intent.Build{Inputs: []string{"assets/**"}}, "assets/a.png assets/b.png assets/deep/c.png assets/notes.txt", ""},
		{"overlapping globs", "COPY assets/a.png /", intent.Build{Inputs: []string{"assets/a.png", "./assets/*.png"}}, "assets/a.png assets/b.png", ""},
		{"one of several names", "COPY assets/{a,b}.png /", intent.Build{Inputs: []string{"assets/{a,b}.png"}}, "", "which is not in commit"},
		{"everything that is declared", "COPY . /", intent.Build{Inputs: []string{"assets/*.txt"}}, "assets/notes.txt", ""},
		{"the binary", "COPY app /", intent.Build{Go: "cmd/app"}, "", ""},
		{"the binary by a glob", "COPY ap* /", intent.Build{Go: "cmd/app"}, "", ""},
		{"the binary and a file", "COPY ./app assets/a.png /", intent.Build{Go: "cmd/app", Inputs: []string{"assets/a.png"}}, "assets/a.png", ""},
		{"a mount", "RUN --mount=source=assets/a.png,target=/x true", intent.Build{Inputs: []string{"assets/a.png"}}, "assets/a.png", ""},
		{"less than the folder", "COPY assets /", intent.Build{Inputs: []string{"assets/*.png"}}, "", `it copies assets, and the input assets/deep/c.png is not declared`},
		{"less than the glob", "COPY assets/*.png /", intent.Build{Inputs: []string{"assets/a.png"}}, "", "the input assets/b.png is not declared"},
		{"less than a glob of folders", "COPY assets/d* /", intent.Build{Inputs: []string{"assets/a.png"}}, "", "the input assets/deep/c.png is not declared"},
		{"nothing declared", "COPY assets/a.png /", intent.Build{}, "", "the input assets/a.png is not declared"},
		{"a file that is not there", "COPY none /", intent.Build{Inputs: []string{"assets/**"}}, "", "it copies none, which is not in commit"},
		{"the binary without Go", "COPY app /", intent.Build{}, "", "it copies app, which is not in commit"},
		{"no binary", "COPY assets/a.png /", intent.Build{Go: "cmd/app", Inputs: []string{"assets/a.png"}}, "", "it does not copy the binary app"},
		{"a glob of nothing", "COPY . /", intent.Build{Inputs: []string{"none/**"}}, "", `build.inputs "none/**": it matches no file`},
		{"a folder alone", "COPY . /", intent.Build{Inputs: []string{"assets"}}, "", `build.inputs "assets": it matches no file`},
		{"a glob above", "COPY . /", intent.Build{Inputs: []string{"../x"}}, "", "it cannot match a file of the repository"},
		{"an absolute glob", "COPY . /", intent.Build{Inputs: []string{"/etc/passwd"}}, "", "it cannot match a file of the repository"},
		{"a malformed glob", "COPY . /", intent.Build{Inputs: []string{"a[/b"}}, "", "it cannot match a file of the repository"},
		{"a file that hides others", "COPY . /", intent.Build{Inputs: []string{"**"}}, "", ".dockerignore: it would hide inputs from the build"},
		{"a link", "COPY links /", intent.Build{Inputs: []string{"links/*"}}, "", "links/a: a link or submodule cannot be an input of an image"},
		{"a name that is not UTF-8", "COPY odd /", intent.Build{Inputs: []string{"odd/*"}}, "", `"odd/\xff": its name is not UTF-8`},
		{"a tree of archives", "COPY archives/fonts/ /", intent.Build{Archives: "archives.lock"}, "", ""},
		{"a part of a tree", "COPY archives/fonts/usr/share /", intent.Build{Archives: "archives.lock"}, "", "which is no tree of the archives"},
		{"another tree", "COPY archives/sans/ /", intent.Build{Archives: "archives.lock"}, "", "which is no tree of the archives"},
		{"a tree without a lock", "COPY archives/fonts/ /", intent.Build{Inputs: []string{"assets/a.png"}}, "", "it copies archives/fonts, which is not in commit"},
		{"a lock that is not there", "COPY archives/fonts/ /", intent.Build{Archives: "none.lock"}, "", "none.lock: it is not in commit"},
		{"a lock that is none", "COPY archives/fonts/ /", intent.Build{Archives: "bad.lock"}, "", "bad.lock:1: an archive has a name, a digest and an address"},
		{"lane's certificate authorities", "COPY ca-certificates.crt /etc/", intent.Build{Inputs: []string{"assets/a.png"}}, "assets/a.png", ""},
		{"no Dockerfile", "", intent.Build{Dockerfile: "none/Dockerfile"}, "", "none/Dockerfile: it is not in commit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSource(t, pictures)
			s.files["images/Dockerfile"] = []byte("FROM scratch\n" + tt.dockerfile + "\n")
			s.files["odd/\xff"] = nil
			commit := withLink(t, s, "links/a", "../bin")
			if tt.build.Dockerfile == "" {
				tt.build.Dockerfile = "./images/Dockerfile"
			}
			snap, err := s.loader.Snapshot(t.Context(), commit)
			if err != nil {
				t.Fatal(err)
			}
			defer snap.Close()
			all, err := snap.Components(t.Context(), []intent.Service{{ID: "app", Build: tt.build}})
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) || fail.HintOf(err) == "" {
					t.Errorf("error %v, hint %q; want %s", err, fail.HintOf(err), tt.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var copies []string
			for _, f := range all[0].Copies {
				copies = append(copies, f.Path)
			}
			if got := strings.Join(copies, " "); got != tt.copies {
				t.Errorf("copies %s, want %s", got, tt.copies)
			}
			if all[0].HasRun != strings.HasPrefix(tt.dockerfile, "RUN") {
				t.Errorf("HasRun is %v", all[0].HasRun)
			}
		})
	}
}

// TestF5_ModesOfCopiesAreInputs: an image keeps what git says about who may
// execute a file; a compiler does not see it.
func TestF5_ModesOfCopiesAreInputs(t *testing.T) {
	s := newSource(t, pictures)
	s.files["Dockerfile"] = []byte("FROM scratch\nCOPY bin /\n")
	services := []intent.Service{
		{ID: "image", Build: intent.Build{Dockerfile: "Dockerfile", Inputs: []string{"bin"}}},
		{ID: "program", Build: intent.Build{Go: "cmd/app"}},
	}
	identities := func(commit string) (image, program string) {
		snap, err := s.loader.Snapshot(t.Context(), commit)
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close()
		all, err := snap.Components(t.Context(), services)
		if err != nil {
			t.Fatal(err)
		}
		return all[0].Identity(), all[1].Identity()
	}
	image, program := identities(s.commit())
	image2, program2 := identities(withModes(t, s, git.ModeExecutable, "bin", "cmd/app/main.go"))
	if image == image2 {
		t.Error("an executable file gives the image of one that is not")
	}
	if program != program2 {
		t.Error("the mode of a source file changes the program")
	}
}
