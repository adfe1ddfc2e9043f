package check

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/pikasTech/agentrun/internal/fields"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
)

// owner is a project whose files are looked at, as far as its intent says.
type owner struct {
	in    *intent.Intent // nil when it is missing or refused
	names names.Names    // of its lane; empty likewise
	ids   []string       // of its services

	retired   *words         // names of its retired environments, in lower case
	namespace *regexp.Regexp // of any of its lanes, as is all that follows
	pipeline  *regexp.Regexp // names of Tekton objects
	argo      *regexp.Regexp // names of Argo CD objects
	run       *regexp.Regexp // ids of PipelineRuns
	message   *regexp.Regexp // first lines of GitOps commits

	id     *regexp.Regexp // its services; nil without any, as are the following
	image  *words         // their images' repositories
	tagged *words         // their images by tag
}

// newOwner takes from a refused document, be it no JSON at all, the project and
// what else names what is its own, so that it is still found.
func newOwner(in *intent.Intent, data []byte) *owner {
	o := &owner{in: in}
	first := map[string]string{}
	for f := range fields.In(data) {
		if first[f.Key] == "" {
			first[f.Key] = f.Value
		}
		if f.Key == "id" && f.Value != "" {
			o.ids = append(o.ids, f.Value)
		}
	}
	project := first["project"]
	n, err := names.For(project, first["lane"], names.Cluster{Name: "c", Host: "h", WorktreeRoot: "/"}, cmp.Or(first["namespace"], project+"-ci"))
	if in != nil {
		n, err = in.Names()
		o.ids = nil
		for _, s := range in.Services {
			o.ids = append(o.ids, s.ID)
		}
	}
	if err != nil {
		return o
	}
	o.names = n
	quoted := regexp.QuoteMeta(n.Project)
	version := quoted + `-v[0-9]+(-[0-9]+)?`
	o.retired = newWords(strings.ReplaceAll(quoted, "-", "[-_]")+`[-_](dev|prod)([^a-z0-9]|$)`, "")
	o.namespace = regexp.MustCompile(`^` + version + `$`)
	o.pipeline = regexp.MustCompile(`^` + version + `-(ci-|tekton-runner$)`)
	o.argo = regexp.MustCompile(`^(` + version + `|` + quoted + `-` + n.Cluster + `-v[0-9]+(-[0-9]+)?)$`)
	o.run = regexp.MustCompile(`\b` + version + `-ci-[0-9a-f]{12}-[0-9]+`)
	verbs := make([]string, len(names.Verbs()))
	for i, v := range names.Verbs() {
		verbs[i] = regexp.QuoteMeta(string(v))
	}
	o.message = regexp.MustCompile(`(` + strings.Join(verbs, "|") + `) ` + quoted + ` v[0-9]+\.[0-9]+`)
	if len(o.ids) > 0 {
		list := make([]string, len(o.ids))
		for i, id := range o.ids {
			list[i] = regexp.QuoteMeta(id)
		}
		ids := `(` + strings.Join(list, "|") + `)`
		o.id = regexp.MustCompile(`(^|[^A-Za-z0-9._/-])` + ids + `([^A-Za-z0-9._/-]|$)`)
		o.image = newWords(quoted+`/`+ids+`([^A-Za-z0-9._/-]|$)`, "._-")
		o.tagged = newWords(quoted+`/`+ids+`:([0-9a-f]{40})([^0-9a-f]|$)`, "._-")
	}
	return o
}

// known reports whether the project is known by name.
func (o *owner) known() bool { return o.names.Project != "" }
