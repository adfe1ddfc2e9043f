package pipeline

import (
	"bytes"
	"embed"
	"fmt"
	"regexp"
	"strings"
	"text/template"

	"github.com/go-json-experiment/json"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
)

//go:embed objects/*.yaml
var templates embed.FS

var (
	//go:embed steps/fetch.sh
	fetch string
	//go:embed steps/tests.sh
	tests string
)

// values are what the templates may say.
type values struct {
	Names      names.Names
	Repository string
	OverSSH    bool       // how git reaches it
	Signed     bool       // whether promotions are signed
	Network    []variable // of every step
	Image      string     // that the steps run in

	SeccompProfile string // of the step that builds images, or ""

	Run, Commit    string // of a PipelineRun
	Rollback, Hold string // of one that goes back
	Restart        string // of one that replaces pods
	Generation     string // that they get

	PushedRun, PushFilter string // of triggers

	Fetch, Tests string // scripts

	LabelProject, LabelLane, LabelCommit                   string
	LabelRollback, LabelRestart                            string
	ParamCommit, ParamRollback, ParamHold, ParamRestart    string
	TaskPrepare, TaskCheck, TaskPlan, TaskPublish          string
	TaskPromote                                            string
	ResultCommit, ResultBuild, ResultPlan, ResultPublished string
	ResultOutcome, ResultGitops, ResultServices            string
}

type variable struct{ Name, Value string }

func newValues(in *intent.Intent, n names.Names) values {
	return values{
		Names: n, Repository: in.Source.Repository, OverSSH: overSSH(in.Source.Repository), Signed: len(in.CI.Signers) > 0,
		Network: network(in), SeccompProfile: in.CI.SeccompProfile, Fetch: fetch, Tests: tests,
		LabelProject: LabelProject, LabelLane: LabelLane, LabelCommit: LabelCommit, LabelRollback: LabelRollback, LabelRestart: LabelRestart,
		ParamCommit: ParamCommit, ParamRollback: ParamRollback, ParamHold: ParamHold, ParamRestart: ParamRestart,
		TaskPrepare: TaskPrepare, TaskCheck: TaskCheck, TaskPlan: TaskPlan, TaskPublish: TaskPublish, TaskPromote: TaskPromote,
		ResultCommit: ResultCommit, ResultBuild: ResultBuild, ResultPlan: ResultPlan, ResultPublished: ResultPublished,
		ResultOutcome: ResultOutcome, ResultGitops: ResultGitops, ResultServices: ResultServices,
	}
}

// network is how a step reaches the outside (rules B3, B4). Both spellings:
// curl, and so git, reads only the lower one for plain HTTP.
func network(in *intent.Intent) []variable {
	if in.CI.Proxy == "" {
		return nil
	}
	var vars []variable
	for _, v := range []variable{{"HTTP_PROXY", in.CI.Proxy}, {"HTTPS_PROXY", in.CI.Proxy}, {"NO_PROXY", strings.Join(in.NoProxy(), ",")}} {
		vars = append(vars, v, variable{strings.ToLower(v.Name), v.Value})
	}
	return vars
}

// overSSH reports whether git reaches a repository with ssh.
func overSSH(repository string) bool {
	return !strings.Contains(repository, "://") || strings.HasPrefix(repository, "ssh://")
}

// objects fills in the named templates.
func objects(v values, files ...string) ([]Object, error) {
	t, err := template.New("").Option("missingkey=error").Funcs(template.FuncMap{"q": quote, "indent": indent}).ParseFS(templates, "objects/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("reading the templates: %w", err)
	}
	var all []Object
	for _, file := range files {
		var b bytes.Buffer
		if err := t.ExecuteTemplate(&b, file+".yaml", v); err != nil {
			return nil, fmt.Errorf("making the %s: %w", file, err)
		}
		o := Object{YAML: b.Bytes(), Unstructured: &unstructured.Unstructured{}}
		if err := yaml.UnmarshalStrict(o.YAML, &o.Object); err != nil {
			return nil, fmt.Errorf("making the %s: %w", file, err)
		}
		all = append(all, o)
	}
	return all, nil
}

// plain is what YAML takes for one word: a string, or null or a truth value.
var plain = regexp.MustCompile(`^[a-z][a-zA-Z0-9._/-]*$`)

// quote writes s as a YAML string, bare where that cannot be misread.
func quote(s string) (string, error) {
	var read any
	if plain.MatchString(s) && yaml.Unmarshal([]byte(s), &read) == nil && read == any(s) {
		return s, nil
	}
	data, err := json.Marshal(s)
	return string(data), err
}

// indent shifts the lines of a block that are not empty.
func indent(by int, s string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimRight(s, "\n")) {
		if line != "\n" {
			b.WriteString(strings.Repeat(" ", by))
		}
		b.WriteString(line)
	}
	return b.String()
}
