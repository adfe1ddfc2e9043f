package release

import (
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/pipeline"
)

// Selector finds the runs of a lane for a commit.
func Selector(n names.Names, commit string) string {
	return pipeline.LabelProject + "=" + n.Project + "," + pipeline.LabelLane + "=" + n.Lane + "," + pipeline.LabelCommit + "=" + commit
}

// Choice is what a commit's runs leave to be done.
type Choice struct {
	Active *Progress // the run that goes on, if there is one
	Newest *Progress // the last one that ended, if there is one
	Next   int       // the number of a new run
}

// Choose looks at the runs that Selector found.
func Choose(n names.Names, commit string, runs []unstructured.Unstructured) (Choice, error) {
	c := Choice{Next: 1}
	newest := 0
	for i := range runs {
		nth := Nth(n, commit, runs[i].GetName())
		c.Next = max(c.Next, nth+1)
		p, err := Judge(&runs[i], nil)
		if err != nil {
			return c, err
		}
		switch {
		case !p.State.Ended():
			if c.Active == nil || nth > Nth(n, commit, c.Active.Name) {
				c.Active = p
			}
		case c.Newest == nil || nth > newest:
			c.Newest, newest = p, nth
		}
	}
	return c, nil
}

// Nth is the number in the name of a commit's run, 0 for another name.
func Nth(n names.Names, commit, name string) int {
	number, ok := strings.CutPrefix(name, strings.TrimSuffix(n.PipelineRun(commit, 0), "0"))
	if !ok {
		return 0
	}
	nth, err := strconv.Atoi(number)
	if err != nil || nth < 1 || n.PipelineRun(commit, nth) != name {
		return 0
	}
	return nth
}
