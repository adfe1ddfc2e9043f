package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/publish"
	"github.com/pikasTech/agentrun/lane/verify"
)

// secondRun is the commit's second run, which succeeded and built nothing, with its
// tasks; the first one's become those of another run of the commit.
func secondRun(t *testing.T, e *verify.Evidence, outcome string) (run verify.Object, tasks []verify.Object) {
	t.Helper()
	made, err := pipeline.Run(e.Intent, e.Names, commit, 2, pipeline.Purpose{})
	if err != nil {
		t.Fatal(err)
	}
	run = made.Object
	run["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Succeeded", "status": "True", "reason": "Completed"}}}
	services, err := e.Gitops.Value.Catalog.ServicesDigest()
	if err != nil {
		t.Fatal(err)
	}
	l := &lane{TB: t}
	tasks = []verify.Object{
		l.taskRun(pipeline.TaskPrepare, pipeline.ResultCommit, commit),
		l.taskRun(pipeline.TaskPlan, pipeline.ResultBuild, "0"),
		l.taskRun(pipeline.TaskPromote, pipeline.ResultOutcome, outcome, pipeline.ResultGitops, head, pipeline.ResultServices, services),
	}
	for _, tr := range tasks {
		set(tr, run.Name(), "metadata", "labels", "tekton.dev/pipelineRun")
	}
	for _, tr := range e.Tekton.TaskRuns.Value {
		set(tr, e.Tekton.Run.Value.Name(), "metadata", "labels", "tekton.dev/pipelineRun")
	}
	e.Tekton.Runs.Value = append(e.Tekton.Runs.Value, run)
	e.Tekton.Others = verify.See(slices.Concat(e.Tekton.TaskRuns.Value, tasks))
	return run, tasks
}

// releasedAgain makes the commit's second run the one that promoted.
func releasedAgain(t *testing.T, e *verify.Evidence) {
	t.Helper()
	second, tasks := secondRun(t, e, "promoted")
	g := &e.Gitops.Value
	g.Message = strings.Replace(g.Message, e.Tekton.Run.Value.Name(), second.Name(), 1)
	e.Tekton.Run, e.Tekton.TaskRuns = verify.See(second), verify.See(tasks)
}

// takenOver makes the catalog as it is what the run promoted, whose last task says so.
func takenOver(t *testing.T, e *verify.Evidence) {
	t.Helper()
	digest, err := e.Gitops.Value.Catalog.ServicesDigest()
	if err != nil {
		t.Fatal(err)
	}
	tasks := e.Tekton.TaskRuns.Value
	tasks[len(tasks)-1].Items("status", "results")[2]["value"] = digest
}

// i10 is how the rule is judged, and all that is said.
func i10(t *testing.T, e verify.Evidence) (verify.State, string) {
	t.Helper()
	v := verify.Judge(e)
	f, _ := v.Finding("I10")
	var said strings.Builder
	for _, ob := range f.Observations {
		said.WriteString(string(ob.State) + " " + ob.Object + " " + ob.Field + " " + ob.Value + " " + ob.Note + "\n")
	}
	return f.State, said.String()
}

// TestI10_AnotherRunProvesWhatDiedAfterItsPush: the run that promoted died before it
// could leave its results; the next one of the commit finds nothing to change.
func TestI10_AnotherRunProvesWhatDiedAfterItsPush(t *testing.T) {
	// dead is the evidence of it; the second run's tasks are prepare, plan and promote.
	dead := func(e *verify.Evidence) (second verify.Object, tasks []verify.Object) {
		first := e.Tekton.Run.Value
		e.Tekton.TaskRuns.Value[3]["status"] = map[string]any{}
		set(first, []any{map[string]any{"type": "Succeeded", "status": "False", "reason": "Failed"}}, "status", "conditions")
		return secondRun(t, e, "nothing-to-change")
	}
	e := accepted(t)
	second, tasks := dead(&e)
	if !e.WantsOthers() {
		t.Error("nobody asks for the other run's tasks")
	}
	v := verify.Judge(e)
	state, said := i10(t, e)
	if !v.Accepted || !strings.Contains(said, "it made the promotion and did not succeed: Failed; "+second.Name()+", which did, came to the same content") {
		t.Error(state, said)
	}
	// The first run's publish task is what proves the images.
	if !strings.Contains(said, "matched PipelineRun "+e.Tekton.Run.Value.Name()+" publish.published") {
		t.Error(said)
	}
	recordedOn(&e)
	for _, r := range tasks[2].Items("status", "results") {
		if r.Text("name") == pipeline.ResultGitops {
			r["value"] = above
		}
	}
	if state, said := i10(t, e); state != verify.Matched {
		t.Errorf("at a commit of metadata above it: %s %s", state, said)
	}
	ordinary := accepted(t)
	if secondRun(t, &ordinary, "nothing-to-change"); ordinary.WantsOthers() {
		t.Error("an ordinary verify asks for more")
	}

	result := func(tr verify.Object, name, value string) {
		for _, r := range tr.Items("status", "results") {
			if r.Text("name") == name {
				r["value"] = value
			}
		}
	}
	for name, change := range map[string]func(e *verify.Evidence, second verify.Object, tasks []verify.Object){
		"it failed as well": func(_ *verify.Evidence, second verify.Object, _ []verify.Object) {
			set(second, []any{map[string]any{"type": "Succeeded", "status": "False", "reason": "Failed"}}, "status", "conditions")
		},
		"it is of another commit": func(_ *verify.Evidence, second verify.Object, _ []verify.Object) {
			second.Items("spec", "params")[0]["value"] = before
		},
		"it says that it is of another commit": func(_ *verify.Evidence, second verify.Object, _ []verify.Object) {
			set(second, before, "metadata", "labels", pipeline.LabelCommit)
		},
		"it is of another lane": func(_ *verify.Evidence, second verify.Object, _ []verify.Object) {
			set(second, "v0.4", "metadata", "labels", pipeline.LabelLane)
		},
		"it is of another Pipeline": func(_ *verify.Evidence, second verify.Object, _ []verify.Object) {
			set(second, "mine", "spec", "pipelineRef", "name")
		},
		"it went back": func(_ *verify.Evidence, second verify.Object, _ []verify.Object) {
			set(second, append(second.At("spec", "params").([]any), map[string]any{"name": pipeline.ParamRollback, "value": restored}), "spec", "params")
		},
		"it replaced pods": func(_ *verify.Evidence, second verify.Object, _ []verify.Object) {
			set(second, append(second.At("spec", "params").([]any), map[string]any{"name": pipeline.ParamRestart, "value": "0123456789abcdef=api"}), "spec", "params")
		},
		"it ended elsewhere": func(_ *verify.Evidence, _ verify.Object, tasks []verify.Object) { result(tasks[2], "gitops", before) },
		"it was superseded": func(_ *verify.Evidence, _ verify.Object, tasks []verify.Object) {
			result(tasks[2], "outcome", "superseded")
		},
		"it promoted other images": func(_ *verify.Evidence, _ verify.Object, tasks []verify.Object) {
			result(tasks[2], "services", unknown)
		},
		"it was of another source": func(_ *verify.Evidence, _ verify.Object, tasks []verify.Object) { result(tasks[0], "commit", before) },
		"nobody published this image": func(e *verify.Evidence, _ verify.Object, _ []verify.Object) {
			result(e.Tekton.TaskRuns.Value[2], "published", unknown)
		},
		"its tasks are of another run": func(_ *verify.Evidence, _ verify.Object, tasks []verify.Object) {
			for _, tr := range tasks {
				set(tr, "another", "metadata", "labels", "tekton.dev/pipelineRun")
			}
		},
		"a hand's commit names a run that failed": func(e *verify.Evidence, _ verify.Object, _ []verify.Object) {
			in := *e.Intent
			in.CI.Signers = []string{"ssh-ed25519 AAAA release@k7"}
			e.Release.Intent = verify.See(&in)
			e.Gitops.Value.Signature = verify.See(verify.Signature{State: verify.Unsigned})
		},
		"its tasks were not seen": func(e *verify.Evidence, _ verify.Object, _ []verify.Object) {
			e.Tekton.Others = verify.Miss[[]verify.Object](verify.Gap{Cause: verify.Unreachable})
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := accepted(t)
			second, tasks := dead(&e)
			change(&e, second, tasks)
			if state, said := i10(t, e); state != verify.Contradicted || strings.Contains(said, "came to the same content") {
				t.Error(state, said)
			}
		})
	}
}

// TestI10_TheSameCommitReleasedAgain: a hand has pushed something, and the operator
// releases what is released again. The run that takes the hand's work away builds
// nothing; the image was published by the first one.
func TestI10_TheSameCommitReleasedAgain(t *testing.T) {
	e := accepted(t)
	releasedAgain(t, &e)
	if !e.WantsOthers() {
		t.Error("nobody asks for the first run's tasks")
	}
	if v := verify.Judge(e); !v.Accepted {
		t.Error(text(t, v))
	}
	for name, tt := range map[string]struct {
		change func(e *verify.Evidence)
		want   verify.State
		says   string
	}{
		// What a hand on the branch can do: the run took the entry from there.
		"another image stands there": {func(e *verify.Evidence) {
			e.Gitops.Value.Catalog.Services[0].Image.Digest = unknown
			takenOver(t, e)
		}, verify.Contradicted, "the catalog says that api was built from this commit: this run did not, and no other run of the commit published that image"},
		"an older image is called new": {func(e *verify.Evidence) {
			c := e.Gitops.Value.Catalog
			c.Services[1].Status, c.Services[1].SourceCommitID, c.Services[1].Image.Tag = catalog.Published, commit, commit
			takenOver(t, e)
		}, verify.Contradicted, "the catalog says that mailer was built"},
		"the first run is forgotten": {func(e *verify.Evidence) {
			e.Tekton.Runs.Value = e.Tekton.Runs.Value[1:]
		}, verify.Unknown, "it did not build api, and Tekton has forgotten the run of this commit that did"},
		"the first run is of another commit": {func(e *verify.Evidence) {
			set(e.Tekton.Runs.Value[0], before, "metadata", "labels", pipeline.LabelCommit)
		}, verify.Unknown, "Tekton has forgotten"},
		"the first run's tasks were not seen": {func(e *verify.Evidence) {
			e.Tekton.Others = verify.Miss[[]verify.Object](verify.Gap{Cause: verify.Unreachable, Why: "hung up"})
		}, verify.Unknown, "unreachable: hung up"},
		"the lane's runs were not seen": {func(e *verify.Evidence) {
			e.Tekton.Runs = verify.Miss[[]verify.Object](verify.Gap{Cause: verify.Forbidden, Why: "may not"})
		}, verify.Unknown, "forbidden: may not"},
		"its plan left nothing": {func(e *verify.Evidence) {
			e.Tekton.TaskRuns.Value[1]["status"] = map[string]any{}
		}, verify.Unknown, "its plan left no plan.build"},
		"its plan wanted a build": {func(e *verify.Evidence) {
			e.Tekton.TaskRuns.Value[1].Items("status", "results")[0]["value"] = "1"
		}, verify.Contradicted, "its plan had 1 service to build, and no publish task ran"},
	} {
		t.Run(name, func(t *testing.T) {
			e := accepted(t)
			releasedAgain(t, &e)
			tt.change(&e)
			if state, said := i10(t, e); state != tt.want || !strings.Contains(said, tt.says) {
				t.Error(state, said)
			}
		})
	}
}

// TestI10_TheDigestTellsWhatWasBuilt: a service that was built and came out as it was
// keeps its older entry, and the document's digest has it all the same.
func TestI10_TheDigestTellsWhatWasBuilt(t *testing.T) {
	document := func(e *verify.Evidence, services ...catalog.Service) string {
		p := publish.Published{APIVersion: publish.APIVersion, Kind: publish.Kind, Project: "shop", Lane: "v0.3", SourceCommitID: commit, Services: []publish.Service{}}
		for _, s := range services {
			s.Image.Tag = commit
			p.Services = append(p.Services, publish.Service{ServiceID: s.ServiceID, ComponentIdentity: s.ComponentIdentity, Image: s.Image})
		}
		data, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return canon.Digest(data)
	}
	left := func(e *verify.Evidence, build, published string) {
		e.Tekton.TaskRuns.Value[1].Items("status", "results")[0]["value"] = build
		e.Tekton.TaskRuns.Value[2].Items("status", "results")[0]["value"] = published
	}
	e := accepted(t)
	left(&e, "2", document(&e, e.Gitops.Value.Catalog.Services...))
	if state, said := i10(t, e); state != verify.Matched || !strings.Contains(said, "it built mailer too, which came out as before") || e.WantsOthers() {
		t.Error(state, said)
	}
	// Two releases at once: the other one was first, with the same ten of thirty.
	many := func(e *verify.Evidence, built int) {
		c := e.Gitops.Value.Catalog
		c.Services = nil
		for i := range 30 {
			s := catalog.Service{ServiceID: fmt.Sprintf("s%02d", i), Status: catalog.Reused, SourceCommitID: restored, ComponentIdentity: identity}
			if i%3 == 1 {
				s.SourceCommitID = before
			}
			s.Image = catalog.Image{Repository: e.Names.Repository(s.ServiceID), Tag: s.SourceCommitID, Digest: hash(fmt.Sprint(i % 9)), MediaType: publish.MediaType}
			c.Services = append(c.Services, s)
		}
		takenOver(t, e)
		its := slices.DeleteFunc(slices.Clone(c.Services), func(s catalog.Service) bool { return s.SourceCommitID != before })[:built]
		left(e, fmt.Sprint(built), document(e, its...))
	}
	for built, want := range map[int]verify.State{10: verify.Matched, 2: verify.Matched, 9: verify.Unknown} {
		e := accepted(t)
		many(&e, built)
		if state, said := i10(t, e); state != want {
			t.Errorf("%d of thirty: %s %s", built, state, said)
		}
	}
	for name, change := range map[string]func(e *verify.Evidence){
		"more than there is":          func(e *verify.Evidence) { left(e, "3", unknown) },
		"two, of which none is there": func(e *verify.Evidence) { left(e, "2", unknown) },
		"the other one":               func(e *verify.Evidence) { left(e, "1", document(e, e.Gitops.Value.Catalog.Services[1])) },
		"none, and it says so":        func(e *verify.Evidence) { left(e, "0", unknown) },
		"no number":                   func(e *verify.Evidence) { left(e, "some", unknown) },
	} {
		e := accepted(t)
		change(&e)
		want := verify.Contradicted
		if name == "the other one" { // nobody is left who built the api
			want = verify.Unknown
		}
		if state, said := i10(t, e); state != want {
			t.Errorf("%s: %s %s", name, state, said)
		}
	}
}
