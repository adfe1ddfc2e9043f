package dockerfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/fail"
)

func testLock() Lock {
	return Lock{
		"debian": "docker.io/library/debian@sha256:" + strings.Repeat("1", 64),
		"node":   "docker.io/library/node:24@sha256:" + strings.Repeat("2", 64),
		"unused": "docker.io/library/unused@sha256:" + strings.Repeat("3", 64),
	}
}

func TestParse(t *testing.T) {
	got, err := Parse("Dockerfile", []byte(`# A comment.
ARG VERSION=1
FROM debian AS Base
RUN --mount=type=bind,source=tools,target=/t --mount=type=tmpfs,target=/x --network=none echo $VERSION
RUN --mount=from=node,target=/n true
FROM scratch
COPY --from=base --chmod=0555 /bin/sh /bin/
COPY --from=0 /bin/ls /bin/
COPY --link --chown=0:0 ./assets/ /web/*.html \
  api /
COPY ["with space", "/"]
COPY <<EOF /etc/motd
FROM nowhere
EOF
ADD data.tar /data
USER 65532:65532
ENTRYPOINT ["/api"]
`), testLock())
	if err != nil {
		t.Fatal(err)
	}
	want := &Dockerfile{
		Bases: []string{"debian", "node"}, HasRun: true,
		Sources: []Source{{4, "tools"}, {9, "assets"}, {9, "web/*.html"}, {9, "api"}, {11, "with space"}, {15, "data.tar"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestF5_RefusesWhatIsNotPinned(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"image by tag", "FROM debian:12\n", `Dockerfile:1: FROM "debian:12" is neither an earlier stage nor an image of the lock (rule F5)`},
		{"image by digest", "FROM debian@sha256:" + strings.Repeat("1", 64) + "\n", "is neither an earlier stage nor an image of the lock"},
		{"later stage", "FROM later\nFROM scratch AS later\n", `FROM "later" is neither`},
		{"variable", "ARG BASE=debian\nFROM $BASE\n", `FROM "$BASE" is neither`},
		{"platform", "FROM --platform=linux/arm64 debian\n", "FROM --platform=linux/arm64 is not allowed"},
		{"stage named like an image", "FROM scratch AS debian\n", `the stage name "debian" already means something`},
		{"two stages of one name", "FROM scratch AS a\nFROM scratch AS A\n", `the stage name "a" already means something`},
		{"syntax", "# syntax=docker/dockerfile:1\nFROM scratch\n", "Dockerfile:1: syntax=docker/dockerfile:1 would load another frontend"},
		{"syntax after a shebang", "#!/usr/bin/env x\n# syntax = x/y\nFROM scratch\n", "Dockerfile:2: syntax=x/y"},
		{"syntax in another comment", "// syntax=x/y\nFROM scratch\n", "syntax=x/y"},
		{"copy from an image", "FROM scratch\nCOPY --from=alpine:3 / /\n", `--from "alpine:3" is neither`},
		{"copy from a stage that is not there", "FROM scratch\nCOPY --from=1 / /\n", `--from "1" is neither`},
		{"remote file", "FROM scratch\nADD https://example.com/x /\n", "ADD of an address can bring another content each time"},
		{"remote git", "FROM scratch\nADD git@github.com:x/y.git /\n", "ADD of an address"},
		{"remote git without scheme", "FROM scratch\nADD github.com/x/y /\n", "ADD of an address"},
		{"checksum", "FROM scratch\nADD --checksum=sha256:0 x /\n", "ADD --checksum=sha256:0 is not allowed"},
		{"source in a variable", "FROM scratch\nARG X\nCOPY $X /\n", `COPY "$X": a variable decides what is read`},
		{"source above", "FROM scratch\nCOPY ../x /\n", `COPY "../x" cannot be followed`},
		{"cache mount", "FROM debian\nRUN --mount=type=cache,target=/c true\n", `a mount of type "cache" brings in what the commit does not hold`},
		{"cache mount, quoted", "FROM debian\nRUN --mount=\"type=cache,target=/c\" true\n", `a mount of type "cache"`},
		{"secret mount", "FROM debian\nRUN --mount=type=secret,id=x true\n", `a mount of type "secret"`},
		{"mount from an image", "FROM debian\nRUN --mount=from=alpine,target=/x true\n", `--mount from= "alpine" is neither`},
		{"network", "FROM debian\nRUN --network=host true\n", "RUN --network=host is not allowed"},
		{"privileges", "FROM debian\nRUN --security=insecure true\n", "RUN --security=insecure is not allowed"},
		{"onbuild", "FROM scratch\nONBUILD COPY x /\n", "ONBUILD acts in another build"},
		{"unknown instruction", "FROM scratch\nINCLUDE x\n", `"INCLUDE" is not a known instruction`},
		{"no FROM", "# nothing\nARG X\n", "it has no FROM"},
		{"COPY before FROM", "COPY x /\n", "COPY stands before the first FROM"},
		{"nothing", "", "file with no instructions"},
		{"COPY without destination", "FROM scratch\nCOPY x\n", "COPY has 1 arguments"},
		{"huge", strings.Repeat("#\n", MaxBytes), "the limit is 1048576"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse("Dockerfile", []byte(tt.text), testLock())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want %s; read as %+v", err, tt.want, got)
			}
			if fail.HintOf(err) == "" {
				t.Errorf("no hint: %v", err)
			}
		})
	}
}

func TestF5_LockIsStrict(t *testing.T) {
	pinned := "registry.example.com/a/b@sha256:" + strings.Repeat("0", 64)
	lock, err := ParseLock("lock", []byte("# images\n\nimage base "+pinned+"\r\nimage tools-1.2\t127.0.0.1:5000/t:v1@sha256:"+strings.Repeat("f", 64)))
	if err != nil {
		t.Fatal(err)
	}
	want := Lock{"base": pinned, "tools-1.2": "127.0.0.1:5000/t:v1@sha256:" + strings.Repeat("f", 64)}
	if diff := cmp.Diff(want, lock); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, tt := range []struct{ name, line, want string }{
		{"another word", "archive x " + pinned, "is not a line of an image lock"},
		{"too few", "image base", "is not a line of an image lock"},
		{"too many", "image base " + pinned + " # why", "is not a line of an image lock"},
		{"comment behind a blank", " # x", "is not a line of an image lock"},
		{"tag alone", "image base registry.example.com/b:1", "is not a reference with registry and digest"},
		{"short digest", "image base registry.example.com/b@sha256:00", "is not a reference with registry and digest"},
		{"no registry", "image base b@sha256:" + strings.Repeat("0", 64), "is not a reference with registry and digest"},
		{"upper case", "image Base " + pinned, `"Base" cannot be the name of an image`},
		{"scratch", "image scratch " + pinned, `"scratch" cannot be the name of an image`},
		{"path", "image ../x " + pinned, "cannot be the name of an image"},
		{"twice", "image base " + pinned + "\nimage base " + pinned, "lock:2: the name base stands twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseLock("lock", []byte(tt.line))
			if err == nil || !strings.Contains(err.Error(), tt.want) || fail.RuleOf(err) != "F5" || fail.HintOf(err) == "" {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

func FuzzParseLock(f *testing.F) {
	f.Add([]byte("# x\nimage base registry.example.com/a@sha256:" + strings.Repeat("0", 64) + "\n"))
	f.Add([]byte("image a b c d"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lock, err := ParseLock("lock", data)
		if (lock == nil) == (err == nil) {
			t.Fatal("neither a lock nor an error, or both")
		}
		for name, ref := range lock {
			again, err := ParseLock("lock", []byte("image "+name+" "+ref))
			if err != nil || again[name] != ref {
				t.Fatalf("%s %s: %v", name, ref, err)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("FROM debian AS a\nRUN true\nFROM scratch\nCOPY --from=a x /\nCOPY y /\n"))
	f.Add([]byte("# escape=`\nFROM scratch\nADD [\"a\", \"b\"]\nCOPY <<EOF /x\nEOF\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse("Dockerfile", data, testLock())
		if err != nil {
			return
		}
		for _, s := range d.Sources {
			if s.Path == "" || s.Path == ".." || strings.HasPrefix(s.Path, "../") || strings.HasPrefix(s.Path, "/") {
				t.Fatalf("source %q", s.Path)
			}
		}
		for _, base := range d.Bases {
			if testLock()[base] == "" {
				t.Fatalf("base %q", base)
			}
		}
	})
}
