package fail_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
)

func TestCodeHintAndRuleSurviveWrapping(t *testing.T) {
	refused := fail.Refuse("C5", "v0.1-gitops", "run lane init", "there is no catalog")
	findings := fail.Findings{{Rule: "D2", File: "deploy/deploy.json", Line: 3, Column: 5, Pointer: "/x", Why: "unknown field", Hint: "remove it"}}
	tests := []struct {
		name string
		err  error
		code fail.Code
		rule string
		hint string
		text string
	}{
		{"none", nil, fail.OK, "", "", ""},
		{"plain", errors.New("disk full"), fail.Failed, "", "", "disk full"},
		{"refused", refused, fail.Refused, "C5", "run lane init", "v0.1-gitops: there is no catalog (rule C5)"},
		{"wrapped", fmt.Errorf("planning: %w", refused), fail.Refused, "C5", "run lane init", "planning: v0.1-gitops: there is no catalog (rule C5)"},
		{"hint further in", &fail.Error{Code: fail.Stale, Err: refused}, fail.Stale, "C5", "run lane init", "v0.1-gitops: there is no catalog (rule C5)"},
		{"findings", fmt.Errorf("reading: %w", findings), fail.Refused, "", "", "reading: deploy/deploy.json:3:5: /x: unknown field (rule D2)\n  hint: remove it"},
		{"a path and a pointer of somebody", fail.Findings{{File: "a\x1b[2J", Pointer: "/\r", Why: "no"}}, fail.Refused, "", "", "a?[2J: /?: no"},
		{"cancelled", fmt.Errorf("pushing: %w", context.Canceled), fail.Interrupted, "", "", "pushing: context canceled"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := fail.CodeOf(tt.err); got != tt.code {
				t.Errorf("code %d, want %d", got, tt.code)
			}
			if got := fail.RuleOf(tt.err); got != tt.rule {
				t.Errorf("rule %q, want %q", got, tt.rule)
			}
			if got := fail.HintOf(tt.err); got != tt.hint {
				t.Errorf("hint %q, want %q", got, tt.hint)
			}
			if tt.err != nil && tt.err.Error() != tt.text {
				t.Errorf("text %q, want %q", tt.err, tt.text)
			}
		})
	}
}

func TestFindingsAreSorted(t *testing.T) {
	fs := fail.Findings{{File: "b", Line: 1}, {File: "a", Line: 9}, {File: "a", Line: 2, Rule: "D2"}, {File: "a", Line: 2, Rule: "C2"}}
	fs.Sort()
	var got strings.Builder
	for _, f := range fs {
		fmt.Fprintf(&got, "%s %s;", f.Where(), f.Rule)
	}
	if want := "a:2 C2;a:2 D2;a:9 ;b:1 ;"; got.String() != want {
		t.Errorf("got %s, want %s", got.String(), want)
	}
	if fs.Err() == nil || fail.Findings(nil).Err() != nil {
		t.Error("Err does not follow the number of findings")
	}
}
