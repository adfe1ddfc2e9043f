package verify_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/lane/verify"
)

// TestI9_UnmetSaysWhatIsMissingAndNothingElse: a release that prints a document tells
// the rest in these lines.
func TestI9_UnmetSaysWhatIsMissingAndNothingElse(t *testing.T) {
	e := accepted(t)
	unmet := func() string {
		t.Helper()
		var b strings.Builder
		if err := verify.Judge(e).Unmet(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if got := unmet(); got != "" {
		t.Errorf("of an accepted lane: %s", got)
	}
	e.Tekton.Runs = verify.Miss[[]verify.Object](verify.Gap{Cause: verify.Forbidden, Why: "may not list pipelineruns", Hint: "grant it"})
	got := unmet()
	for _, want := range []string{"? B2", "may not list pipelineruns", "hint: grant it"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "  = ") {
		t.Errorf("it tells what is matched too:\n%s", got)
	}
}
