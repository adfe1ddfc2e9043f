package verify

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/metadata"
)

// rule is one rule of the verdict: where it belongs, what it says, and who judges.
type rule struct {
	id    string
	link  Link
	holds string
	judge func(*judge, *opinion)
}

// rules are those that the evidence can tell about, in the order of acceptance.
// Its I9, which speaks of all parts, comes last and is made by Judge itself.
func rules() []rule {
	return []rule{
		{"I3", LinkLive, "the namespace exists, and no other takes part in the verdict", (*judge).namespace},
		{"I8", LinkLive, "pods are ready, services healthy, and containers run the catalog's digests", (*judge).running},
		{"F2", LinkLive, "what runs is pinned by digest", (*judge).pinned},
		{"E9", LinkLive, "no local image, patched pod or retired release path", (*judge).releasePath},
		{"G1", LinkLive, "only the lane's GitOps path manages its namespace", (*judge).foreign},
		{"H2", LinkLive, "nobody but Argo CD, Kubernetes, the manager and lane writes the lane's objects", (*judge).managers},
		{"H3", LinkLive, "live objects are what the GitOps branch says", (*judge).drift},
		{"E8", LinkLive, "only the lane's own namespace was looked at", (*judge).scope},
		{"A5", LinkLive, "no retired environment takes part", (*judge).retired},

		{"I4", LinkArgo, "the Application compares the runtime path, is Synced and Healthy, and its revision is the branch's content", (*judge).synced},
		{"E7", LinkArgo, "Argo CD syncs the runtime path by itself", (*judge).syncs},
		{"G2", LinkArgo, "the AppProject has one destination, one source and no cluster-scoped kind but Namespace", (*judge).project},
		{"G3", LinkArgo, "the Application reads the GitOps branch and the runtime path, for the namespace", (*judge).application},

		{"I5", LinkGitops, "a render of the released intent and the catalog equals the branch, byte for byte", (*judge).rerender},
		{"I7", LinkGitops, "manifests are pinned by digest; the catalog has full commits and digests", (*judge).catalogued},
		{"F3", LinkGitops, "the registry answers each digest with its schema2 manifest", (*judge).answers},
		{"F4", LinkGitops, "the catalog is whole and of this lane", (*judge).whole},
		{"H4", LinkGitops, "each image was built by the lane from the identity that the catalog names", (*judge).built},
		{"A3", LinkGitops, "each object is in the lane's namespace, or is that Namespace", (*judge).inside},
		{"C3", LinkGitops, "the branch holds catalog, manifests and the lane's metadata, and nothing else", (*judge).content},
		{"C4", LinkGitops, "no credential stands on the branch", (*judge).secretless},
		{"D4", LinkGitops, "a release writes to its two paths alone", (*judge).paths},

		{"I10", LinkTekton, "the run that promoted succeeded, and its results match the catalog", (*judge).promoted},
		{"E1", LinkTekton, "the released commit is on the source branch", (*judge).onBranch},
		{"B2", LinkTekton, "runs use the host's network and ClusterFirstWithHostNet", (*judge).hostNetwork},
		{"B4", LinkTekton, "Tekton objects are those that lane makes from the intent", (*judge).tektonObjects},
		{"I6", LinkTekton, "no runner, poller or reconciler of our own", (*judge).nothingRuns},

		{"I1", LinkWorktree, "the source worktree is on the source branch, equal to origin's, and clean", (*judge).worktree},
		{"I2", LinkWorktree, "no document treats a retired environment as current", (*judge).documents},
		{"C2", LinkWorktree, "the source branch tracks nothing that a release makes", (*judge).untracked},
		{"D3", LinkWorktree, "no step changes the intent or the source", (*judge).intact},
		{"F7", LinkWorktree, "a promotion causes no commit on the source branch", (*judge).unpromoted},
	}
}

// Judge says what the evidence is worth.
func Judge(e Evidence) Verdict {
	v := Verdict{
		APIVersion: APIVersion, Kind: Kind, Project: e.Names.Project, Lane: e.Names.Lane,
		At: e.At.UTC().Format(time.RFC3339), Skipped: []Link{},
	}
	j := newJudge(e)
	j.refused = j.refusals()
	if j.Gitops.Found {
		v.GitopsCommitID = j.Gitops.Value.Commit
		v.SourceCommitID = j.Gitops.Value.Catalog.SourceCommitID
	}
	v.Offline = e.Offline
	if e.Skip {
		v.Skipped = append(v.Skipped, LinkWorktree)
	}
	chains := map[Link]*Chain{}
	for _, l := range links {
		chains[l] = &Chain{Link: l, State: Skipped, Findings: []Finding{}}
	}
	seen := timesOf(e)
	for _, r := range rules() {
		o := &opinion{}
		r.judge(j, o)
		c := chains[r.link]
		c.Findings = append(c.Findings, o.finding(r, seen))
	}
	last := chains[LinkWorktree]
	o := &opinion{}
	j.unseen(o)
	last.Findings = append(last.Findings, o.finding(rule{id: "I9", holds: "all that the verdict rests on was seen, where it really is"}, seen))
	for _, l := range links {
		for _, f := range chains[l].Findings {
			chains[l].State = worse(chains[l].State, f.State)
		}
		v.Links = append(v.Links, *chains[l])
	}
	v.count()
	return v
}

// judge is the evidence, indexed.
type judge struct {
	Evidence
	live     map[string]Object   // identity → object, of all kinds in the namespace
	lists    map[string]*List    // group/kind
	manifest map[string]manifest // identity → object on the branch
	unread   []string            // files of the branch that are no manifests
	refused  fail.Findings       // what the render stage's own check says of the branch; Judge's alone
	records  metadata.Records    // of the branch
}

// opinion gathers what speaks for and against one rule.
type opinion struct{ seen []Observation }

// maxObservations bounds what one finding tells; the rest is counted.
const maxObservations = 40

func (o *opinion) add(ob Observation) { o.seen = append(o.seen, ob) }

func clean(s string) string { return fail.Clean(s, 300) }

// match says that a field is as it should be.
func (o *opinion) match(object, field, value string) {
	o.add(Observation{State: Matched, Object: object, Field: field, Value: value})
}

// differ says that a field is not as it should be.
func (o *opinion) differ(object, field, value, wanted string) {
	o.add(Observation{State: Contradicted, Object: object, Field: field, Value: cmp.Or(value, "nothing"), Wanted: wanted})
}

// against says in words what is wrong.
func (o *opinion) against(object, format string, args ...any) {
	o.add(Observation{State: Contradicted, Object: object, Note: fmt.Sprintf(format, args...)})
}

// equal compares a field with what it should be.
func (o *opinion) equal(object, field, value string, wanted ...string) {
	if slices.Contains(wanted, value) {
		o.match(object, field, value)
		return
	}
	o.differ(object, field, value, wanted[0])
}

// note says something that a person should know and that decides nothing.
func (o *opinion) note(object, format string, args ...any) {
	o.add(Observation{State: Matched, Object: object, Note: fmt.Sprintf(format, args...)})
}

// cannot says that the rule cannot be judged, and why.
func (o *opinion) cannot(object string, g Gap) {
	why := g.Why
	if g.Cause == Unasked && why == "" {
		why = "it was not looked for"
	}
	note := why
	switch g.Cause {
	case Forbidden, Unreachable, Elsewhere:
		note = string(g.Cause) + ": " + why
	}
	o.add(Observation{State: Unknown, Object: object, Note: note, Hint: g.Hint})
}

// state is what the observations come to. Notes alone make no match.
func (o *opinion) state() State {
	state, facts := Skipped, 0
	for _, ob := range o.seen {
		state = worse(state, ob.State)
		if ob.State != Matched || ob.Field != "" {
			facts++
		}
	}
	if facts == 0 {
		return Unknown
	}
	return state
}

func (o *opinion) finding(r rule, seen times) Finding {
	for i := range o.seen {
		o.seen[i].SeenAt = seen.of(o.seen[i].Object)
	}
	f := Finding{Rule: r.id, Holds: r.holds, State: o.state(), Observations: o.seen}
	if len(o.seen) == 0 {
		f.Observations = []Observation{{State: Unknown, Object: "evidence", Note: "nothing was seen that the rule speaks of"}}
	}
	// The worst first, so that a bound cuts what matters least.
	var sorted []Observation
	for _, s := range []State{Contradicted, Unknown, Matched, Skipped} {
		for _, ob := range f.Observations {
			if ob.State == s {
				sorted = append(sorted, ob)
			}
		}
	}
	if n := len(sorted); n > maxObservations {
		sorted = append(sorted[:maxObservations:maxObservations], Observation{
			State: sorted[maxObservations].State, Object: "evidence", Note: fmt.Sprintf("and %d more", n-maxObservations),
		})
	}
	for i := range sorted {
		sorted[i] = told(sorted[i])
	}
	f.Observations = sorted
	return f
}
