package publish_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
)

// What RUN makes out of chance is no function of its inputs: it is found by
// building twice, and a RUN that does its work the same way each time passes.
func TestF5_RefusesRunThatDependsOnChance(t *testing.T) {
	p := newProject(t)
	program := func(content string) string {
		return "package main\n\nimport (\n\t\"crypto/rand\"\n\t\"os\"\n)\n\nvar _ = rand.Text\n\nfunc main() {\n" +
			"\tif err := os.WriteFile(\"/made\", []byte(" + content + "), 0o644); err != nil {\n\t\tpanic(err)\n\t}\n}\n"
	}
	p.write("images/worker", "FROM scratch\nCOPY worker /bin/worker\nRUN [\"/bin/worker\"]\nCOPY assets /assets\nENTRYPOINT [\"/bin/worker\"]\n")
	p.write("cmd/worker/main.go", program(`rand.Text()`))
	bad := p.commit()
	_, _, err := p.publish(bad, "worker")
	if fail.CodeOf(err) != fail.Refused || fail.RuleOf(err) != "F5" || fail.HintOf(err) == "" || !strings.Contains(err.Error(), "built twice") {
		t.Errorf("got %v", err)
	}
	if _, _, err := p.publish(bad, "worker"); fail.RuleOf(err) != "F5" {
		t.Errorf("the second time: %v", err)
	}

	p.write("cmd/worker/main.go", program(`"always the same"`))
	p.mustPublish(p.commit(), "worker")
}
