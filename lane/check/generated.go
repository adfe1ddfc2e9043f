package check

import (
	"bytes"
	"regexp"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/fields"
	"github.com/pikasTech/agentrun/lane/intent"
)

const generatedHint = "remove it: releases write it, on the GitOps branch; tests and documents take the example project"

// generated finds what a release makes, by what it says and not by where it
// stands (rule C2): the lane's documents, rendered manifests, digests and tags of
// the project's own images, messages of GitOps commits, ids of runs. The lane's
// Tekton objects are rule B4's, because they are copies of what lane makes from
// the intent.
func (j *judge) generated(f *file, own *owner) fail.Findings {
	var found fail.Findings
	// A folder that names a project of its own is no place to hide the
	// repository's.
	for _, o := range distinct(own, j.intents.top) {
		if o.known() && f.Path != intent.Path { // the intent itself is stricter
			found = append(found, generatedBy(f, o)...)
		}
	}
	return found
}

// generatedBy looks for what a release of one project makes, also in base64.
func generatedBy(f *file, own *owner) fail.Findings {
	found := madeByRelease(f, own)
	for offset, decoded := range fields.Base64(f.text) {
		if !utf8.Valid(decoded) {
			continue
		}
		for _, inner := range madeByRelease(newFile(f.Entry, decoded), own) {
			found = append(found, f.at(offset, inner.Rule, inner.Hint, "%s, base64-encoded", inner.Why))
		}
	}
	return found
}

func madeByRelease(f *file, own *owner) fail.Findings {
	g := &generatedText{file: f, own: own, said: map[said]bool{}}
	g.documents()
	g.images()
	g.records()
	return g.found
}

// generatedText collects findings, one of a kind for each document in a file.
type generatedText struct {
	*file
	own   *owner
	said  map[said]bool
	found fail.Findings
}

type said struct {
	part int
	why  string
}

func (g *generatedText) add(offset int, rule, why string) {
	s := said{g.partAt(offset), why}
	if !g.said[s] && len(g.found) < maxFound {
		g.said[s] = true
		g.found = append(g.found, g.at(offset, rule, generatedHint, "%s", why))
	}
}

// fieldAt is the index of the first field behind offset.
func (f *file) fieldAt(offset int) int {
	return sort.Search(len(f.fields), func(i int) bool { return f.fields[i].Offset > offset })
}

func (f *file) partAt(offset int) int {
	if i := f.fieldAt(offset); i > 0 {
		return f.fields[i-1].Part
	}
	return 0
}

// near are the fields of the same document at most n before and after the ith.
func (f *file) near(i, n int) []fields.Field {
	if i < 0 || i >= len(f.fields) {
		return nil
	}
	from, to := i, i+1
	for from > max(0, i-n) && f.fields[from-1].Part == f.fields[i].Part {
		from--
	}
	for to < min(len(f.fields), i+n+1) && f.fields[to].Part == f.fields[i].Part {
		to++
	}
	return f.fields[from:to]
}

func has(in []fields.Field, key string, holds func(value string) bool) bool {
	return slices.ContainsFunc(in, func(f fields.Field) bool { return f.Key == key && holds(f.Value) })
}

// laneKinds are the documents that the stages of a release write, and those that stand
// on the GitOps branch.
var laneKinds = []string{"Catalog", "Plan", "Published", "Verdict", "Release", "Hold", "Hotfix"}

var (
	laneVersion = regexp.MustCompile(`^v[0-9]+\.[0-9]+$`).MatchString
	made        = regexp.MustCompile(`^(sha256:)?[0-9a-f]{40,64}$`).MatchString
)

// group is the API group before a version, such as "tekton.dev/".
func group(prefix string) func(string) bool {
	return func(value string) bool { return strings.HasPrefix(value, prefix) }
}

// documents finds objects by their kind and by whose they are.
func (g *generatedText) documents() {
	own := g.own
	ofProject := func(value string) bool { return value == own.names.Project }
	for i, f := range g.fields {
		if f.Key != "kind" {
			continue
		}
		near, closer := g.near(i, 60), g.near(i, 30)
		switch {
		case slices.Contains(laneKinds, f.Value):
			header := has(near, "apiVersion", group(strings.TrimSuffix(intent.APIVersion, "v1"))) ||
				slices.ContainsFunc(near, func(f fields.Field) bool { return made(f.Value) })
			if header && has(near, "project", ofProject) && has(near, "lane", laneVersion) {
				g.add(f.Offset, "C2", "a document of the kind "+f.Value+" that a release of this project made")
			}
		case has(closer, "apiVersion", func(v string) bool { return group("tekton.dev/")(v) || group("triggers.tekton.dev/")(v) }):
			if slices.ContainsFunc(closer, func(f fields.Field) bool { return own.pipeline.MatchString(f.Value) }) ||
				has(closer, "namespace", func(v string) bool { return v == own.names.TektonNamespace }) {
				g.add(f.Offset, "B4", "a copy by hand of the lane's Tekton objects, which `lane objects tekton` makes from deploy/deploy.json")
			}
		case has(closer, "apiVersion", group("argoproj.io/")):
			if has(closer, "name", func(v string) bool { return own.argo.MatchString(v) }) {
				g.add(f.Offset, "C2", "a copy of the lane's Argo CD objects")
			}
		case has(closer, "apiVersion", func(v string) bool { return v != "" }):
			if has(closer, "namespace", own.namespace.MatchString) || f.Value == "Namespace" && has(closer, "name", own.namespace.MatchString) {
				g.add(f.Offset, "C2", "a manifest for the lane's namespace")
			}
		}
	}
}

var (
	digest = regexp.MustCompile(`sha256:[0-9a-f]{64}`)
	// comment is what says something about the rest of a line.
	comment = regexp.MustCompile(`(^|\s)(#|//).*$`)
	// imageKeys name a service or its image.
	imageKeys = []string{"serviceId", "service", "id", "name", "repository", "image", "component"}
)

// images finds digests and tags of images that this project publishes. Those of
// others, such as base images in a lock file, are hand-written.
func (g *generatedText) images() {
	own := g.own
	if own.image == nil {
		return
	}
	for _, at := range own.tagged.in(g.text) {
		g.add(at[0], "C2", "the tag of an image that this project publishes")
	}
	for _, at := range digest.FindAllIndex(g.text, -1) {
		from := bytes.LastIndexByte(g.text[:at[0]], '\n') + 1
		line := g.text[from:]
		if nl := bytes.IndexByte(line, '\n'); nl >= 0 {
			line = line[:nl]
		}
		line = comment.ReplaceAll(line[:min(len(line), at[1]-from+maxLine)][max(0, at[0]-from-maxLine):], nil)
		named := len(own.image.in(line)) > 0 || own.id.Match(line) || slices.ContainsFunc(g.near(g.fieldAt(at[0])-1, 12), func(f fields.Field) bool {
			return slices.Contains(imageKeys, f.Key) && (len(own.image.in([]byte(f.Value))) > 0 || slices.Contains(own.ids, f.Value))
		})
		if named {
			g.add(at[0], "C2", "the digest of an image that this project publishes")
		}
	}
}

// maxLine is how far a line is looked at beside a digest.
const maxLine = 512

// records finds what a release writes down: the trailers of GitOps commits, and
// fields that name its runs.
func (g *generatedText) records() {
	for _, f := range g.fields {
		switch {
		case strings.Contains(strings.ToLower(f.Key), "run") && g.own.run.FindString(f.Value) == f.Value && f.Value != "":
			g.add(f.Offset, "C2", "the id of a run of this project")
		case strings.HasPrefix(f.Key, "Lane-"):
			around := g.text[max(0, f.Offset-2048):min(len(g.text), f.Offset+2048)]
			if g.own.message.Match(around) || made(f.Value) && g.own.run.Match(around) {
				g.add(f.Offset, "C2", "the message of a GitOps commit of this project")
			}
		}
	}
}
