package agentrun_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestDocsFlags: each lane command in the shell blocks of a page is one of the
// program's, with flags that it has.
func TestDocsFlags(t *testing.T) {
	lane := buildLane(t)
	verbs := verbsOf(t, lane)
	help := map[string]string{}
	for _, p := range pages(t) {
		for _, f := range p.fences {
			if f.info != "sh" {
				continue
			}
			for line := range strings.Lines(strings.ReplaceAll(f.text, "\\\n", "")) {
				words := strings.Fields(line)
				if len(words) < 2 || words[0] != "lane" {
					continue
				}
				if !slices.Contains(verbs, words[1]) {
					t.Errorf("%s:%d: lane has no %s", p.path, f.line, words[1])
					continue
				}
				verb := words[1:2]
				for _, w := range words[2:] { // "hotfix record", "objects argo"
					if strings.HasPrefix(w, "-") {
						break
					}
					verb = append(verb, w)
				}
				key := strings.Join(verb, " ")
				if help[key] == "" {
					out, err := exec.CommandContext(t.Context(), lane, append(verb, "--help")...).CombinedOutput()
					if err != nil {
						t.Errorf("%s:%d: lane %s --help: %v", p.path, f.line, key, err)
					}
					help[key] = string(out)
				}
				for _, w := range words[2:] {
					flag, _, _ := strings.Cut(w, "=")
					if strings.HasPrefix(flag, "--") && !strings.Contains(help[key], flag+" ") {
						t.Errorf("%s:%d: lane %s has no %s", p.path, f.line, key, flag)
					}
				}
			}
		}
	}
	if len(help) == 0 {
		t.Error("no page has a command")
	}
}
