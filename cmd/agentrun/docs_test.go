package main

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocsVerbs: the page about the command line tells of every verb, and of no
// other.
func TestDocsVerbs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/reference/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	told := []string{"help"}
	for _, m := range regexp.MustCompile("(?m)^\\| `agentrun ([a-z]+)").FindAllSubmatch(doc, -1) {
		told = append(told, string(m[1]))
	}
	root := (&app{}).root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	var verbs []string
	for _, c := range root.Commands() {
		verbs = append(verbs, c.Name())
		if c.Name() != "help" && c.Name() != "completion" && (c.Example == "" || c.Short == "") {
			t.Errorf("%s has no example, or says nothing of itself", c.Name())
		}
	}
	slices.Sort(told)
	slices.Sort(verbs)
	if diff := cmp.Diff(verbs, told); diff != "" {
		t.Error(diff)
	}
}
