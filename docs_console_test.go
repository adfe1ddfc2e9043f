package agentrun_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestDocsCommands: the tables of commands are those of the program, and what
// ```console blocks show is what it does. All blocks of a page share one
// repository, made from the example project; a line "…" stands for any lines,
// and "…" within a line for any text.
func TestDocsCommands(t *testing.T) {
	lane := buildLane(t)
	verbs := verbsOf(t, lane)
	for _, p := range pages(t) {
		if told := toldVerbs(p); len(told) > 0 && !slices.Equal(told, verbs) {
			t.Errorf("%s tells of %v, lane has %v", p.path, told, verbs)
		}
		if !slices.ContainsFunc(p.fences, func(f fence) bool { return f.info == "console" }) {
			continue
		}
		t.Run(p.path, func(t *testing.T) {
			s := newShell(t, lane)
			for _, f := range p.fences {
				if f.info == "console" {
					s.run(t, p.path, f)
				}
			}
		})
	}
}

// verbsOf are the program's verbs, sorted.
func verbsOf(t *testing.T, lane string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), lane, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(out), "Available Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	var verbs []string
	for line := range strings.Lines(list) {
		if verb, _, _ := strings.Cut(strings.TrimSpace(line), " "); verb != "completion" && verb != "help" {
			verbs = append(verbs, verb)
		}
	}
	slices.Sort(verbs)
	return verbs
}

// toldVerbs are the verbs in a page's table of commands, sorted.
func toldVerbs(p page) []string {
	var told []string
	for _, s := range p.sections {
		for _, row := range s.rows {
			if verb := strings.Fields(row[0].text); len(verb) > 1 && verb[0] == "lane" {
				told = append(told, verb[1])
			}
		}
	}
	slices.Sort(told)
	return told
}

func buildLane(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "lane")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./cmd/lane").CombinedOutput(); err != nil {
		t.Fatalf("building lane: %v\n%s", err, out)
	}
	return bin
}

// shell runs the commands of one page, without being a shell: words are
// separated by spaces and nothing in them is special.
type shell struct {
	dir, lane string
	env       []string
	exit      int // of the last command
}

func newShell(t *testing.T, lane string) *shell {
	t.Helper()
	home := t.TempDir()
	s := &shell{dir: filepath.Join(t.TempDir(), "shop"), lane: lane}
	s.env = append(os.Environ(),
		"XDG_CACHE_HOME="+filepath.Join(home, "cache"), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=A Developer", "GIT_AUTHOR_EMAIL=dev@example.com", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z",
		"GIT_COMMITTER_NAME=A Developer", "GIT_COMMITTER_EMAIL=dev@example.com", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z")
	if err := os.CopyFS(s.dir, os.DirFS("examples/shop")); err != nil {
		t.Fatal(err)
	}
	for _, argv := range [][]string{{"git", "init", "-q", "-b", "v0.3"}, {"git", "add", "-A"}, {"git", "commit", "-q", "-m", "first"}} {
		if out := s.exec(t, argv); s.exit != 0 {
			t.Fatalf("%v: %s", argv, out)
		}
	}
	return s
}

func (s *shell) exec(t *testing.T, argv []string) string {
	t.Helper()
	if strings.Join(argv, " ") == "echo $?" {
		return strconv.Itoa(s.exit) + "\n"
	}
	name := argv[0]
	switch name {
	case "lane":
		name = s.lane
	case "git":
	default:
		t.Fatalf("%s: only lane and git are run", name)
	}
	cmd := exec.CommandContext(t.Context(), name, argv[1:]...)
	cmd.Dir, cmd.Env = s.dir, s.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	s.exit = cmd.ProcessState.ExitCode()
	return out.String()
}

// run runs each "$ " line of a block and compares what follows it.
func (s *shell) run(t *testing.T, file string, f fence) {
	t.Helper()
	lines := strings.SplitAfter(f.text, "\n")
	for i := 0; i < len(lines); {
		command, ok := strings.CutPrefix(lines[i], "$ ")
		if !ok {
			i++
			continue
		}
		at := f.line + i
		for i++; strings.HasSuffix(command, "\\\n") && i < len(lines); i++ {
			command = strings.TrimSuffix(command, "\\\n") + lines[i]
		}
		begin := i
		for i < len(lines) && !strings.HasPrefix(lines[i], "$ ") {
			i++
		}
		want := strings.Join(lines[begin:i], "")
		got := s.exec(t, strings.Fields(command))
		if !shown(want).MatchString(got) {
			t.Errorf("%s:%d: %s shows\n%s\nbut it prints\n%s", file, at, strings.TrimSpace(command), want, got)
		}
	}
}

// shown is the pattern of an output as a page shows it.
func shown(want string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`\A`)
	for line := range strings.Lines(want) {
		if strings.TrimSpace(line) == "…" {
			b.WriteString(`(.*\n)*?`)
			continue
		}
		b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(strings.TrimRight(line, " \n")), "…", ".*") + ` *\n`)
	}
	return regexp.MustCompile(b.String() + `\z`)
}
