package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/promote"
	"github.com/pikasTech/agentrun/lane/render"
	"github.com/pikasTech/agentrun/lane/verify"
)

var (
	above    = strings.Repeat("1", 40) // a head that changed metadata
	restored = strings.Repeat("2", 40) // what a rollback brings back
	signed   = verify.See(verify.Signature{State: verify.Signed, By: "release@k7"})
)

// recordedOn makes the head one that changed metadata alone, on the head before.
func recordedOn(e *verify.Evidence) {
	g := &e.Gitops.Value
	g.Below = verify.See(verify.Promotion{Commit: g.Commit, Message: g.Message, Signature: g.Signature})
	g.Commit, g.Message = above, fmt.Sprintf("hold shop v0.3\n\nLane-Promotion: %s\nLane-By: Ada\n", g.Commit)
	g.Signature = verify.See(verify.Signature{State: verify.Unsigned})
	e.Argo.SyncedTree = verify.See(strings.Repeat("e", 40)) // that of the revision before
}

// rolledBack makes the run one that went back.
func rolledBack(e *verify.Evidence) {
	g := &e.Gitops.Value
	was := g.Message
	g.Message = strings.Replace(was, "promote", "rollback", 1) + promote.TrailerRollback + ": " + restored + "\n"
	g.Restored = verify.See(verify.Promotion{Commit: restored, Message: was, Signature: signed})
	set(e.Tekton.Run.Value, append(e.Tekton.Run.Value.At("spec", "params").([]any), map[string]any{"name": pipeline.ParamRollback, "value": restored}), "spec", "params")
	all := e.Tekton.TaskRuns.Value
	e.Tekton.TaskRuns.Value = []verify.Object{all[0], all[3]}
}

func TestI10_MetadataCommitsArePassedOver(t *testing.T) {
	e := accepted(t)
	recordedOn(&e)
	v := verify.Judge(e)
	if out := text(t, v); !v.Accepted || !strings.Contains(out, "it changed the lane's metadata alone; cccccccccccc promoted") {
		t.Error(out)
	}
	// Argo CD may be at the new head already.
	set(e.Argo.Application.Value, above, "status", "sync", "revision")
	if v := verify.Judge(e); !v.Accepted {
		t.Error(text(t, v))
	}
	below := func(e *verify.Evidence) *verify.Promotion { return &e.Gitops.Value.Below.Value }
	tampered(t, "I10 I4", "it changed more than metadata", func(e *verify.Evidence) {
		recordedOn(e)
		below(e).Against = []string{"network.yaml is not as it was promoted"}
	})
	tampered(t, "I10", "it names a hand's commit", func(e *verify.Evidence) {
		recordedOn(e)
		below(e).Message = "by hand\n"
		e.Tekton.Run = verify.Miss[verify.Object](verify.Gap{Cause: verify.Absent})
	})
	tampered(t, "I10", "what it names is signed by another key", func(e *verify.Evidence) {
		recordedOn(e)
		below(e).Signature = verify.See(verify.Signature{State: verify.Bad, Why: "another key"})
	})
	e = accepted(t)
	recordedOn(&e)
	e.Gitops.Value.Below = verify.Miss[verify.Promotion](verify.Gap{Cause: verify.Failed, Why: "the remote hung up"})
	if f, _ := verify.Judge(e).Finding("I10"); f.State != verify.Unknown {
		t.Errorf("what it names was not seen: %+v", f)
	}
	// Once Tekton has forgotten the run, the signature of the commit below decides.
	e = accepted(t)
	recordedOn(&e)
	e.Tekton.Run = verify.Miss[verify.Object](verify.Gap{Cause: verify.Absent})
	if v := verify.Judge(e); !v.Accepted {
		t.Error(text(t, v))
	}
}

func TestI10_ARollbackIsProvenByWhatItBringsBack(t *testing.T) {
	e := accepted(t)
	rolledBack(&e)
	if v := verify.Judge(e); !v.Accepted {
		t.Error(text(t, v))
	}
	recordedOn(&e)
	if v := verify.Judge(e); !v.Accepted {
		t.Errorf("with a record above it: %s", text(t, v))
	}
	tampered(t, "I10", "the run was told to go elsewhere", func(e *verify.Evidence) {
		rolledBack(e)
		e.Tekton.Run.Value.Items("spec", "params")[1]["value"] = before
	})
	tampered(t, "I10", "the run was told nothing", func(e *verify.Evidence) {
		rolledBack(e)
		params := e.Tekton.Run.Value.At("spec", "params").([]any)
		set(e.Tekton.Run.Value, params[:1], "spec", "params")
	})
	tampered(t, "I10", "a release that says it went back", func(e *verify.Evidence) {
		all := e.Tekton.TaskRuns.Value
		rolledBack(e)
		e.Tekton.TaskRuns.Value = all
	})
	tampered(t, "I10", "a rollback that says it is a release", func(e *verify.Evidence) {
		message := e.Gitops.Value.Message
		rolledBack(e)
		e.Gitops.Value.Message = message
	})
	tampered(t, "I10", "other bytes", func(e *verify.Evidence) {
		rolledBack(e)
		e.Gitops.Value.Restored.Value.Against = []string{"api.yaml is not as it was promoted"}
	})
	tampered(t, "I10", "what another commit promoted", func(e *verify.Evidence) {
		rolledBack(e)
		e.Gitops.Value.Restored.Value.Message = strings.ReplaceAll(e.Gitops.Value.Restored.Value.Message, commit, before)
	})
	tampered(t, "I10", "what another key signed", func(e *verify.Evidence) {
		rolledBack(e)
		e.Gitops.Value.Restored.Value.Signature = verify.See(verify.Signature{State: verify.Bad, Why: "another key"})
	})
	e = accepted(t)
	rolledBack(&e)
	e.Gitops.Value.Restored = verify.Miss[verify.Promotion](verify.Gap{Cause: verify.Failed, Why: "the remote hung up"})
	if f, _ := verify.Judge(e).Finding("I10"); f.State != verify.Unknown {
		t.Errorf("what it brings back was not seen: %+v", f)
	}
}

// restarted makes the run one that replaced the api's pods.
func restarted(t *testing.T, e *verify.Evidence) {
	t.Helper()
	const what = "0123456789abcdef=api"
	g := &e.Gitops.Value
	g.Message = strings.Replace(g.Message, "promote", "restart", 1) + promote.TrailerRestart + ": " + what + "\n"
	was := *g.Catalog
	was.Services = slices.Clone(was.Services)
	g.Catalog.Services[0].Generation = "0123456789abcdef"
	rendered, err := render.Make(e.Intent, e.Names, g.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	e.Release.Rendered = verify.See(rendered)
	g.Replaced = verify.See(verify.Replaced{
		By: head, Parents: 1, Commit: before, Catalog: &was,
		Changed: []string{e.Names.ArtifactCatalog, e.Names.RuntimePath + "/services/api.yaml"},
	})
	set(e.Tekton.Run.Value, append(e.Tekton.Run.Value.At("spec", "params").([]any), map[string]any{"name": pipeline.ParamRestart, "value": what}), "spec", "params")
	all := e.Tekton.TaskRuns.Value
	e.Tekton.TaskRuns.Value = []verify.Object{all[0], all[3]}
	services, err := g.Catalog.ServicesDigest()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all[3].Items("status", "results") {
		if r.Text("name") == pipeline.ResultServices {
			r["value"] = services
		}
	}
}

func TestI10_ARestartIsWhatItsRunWasTold(t *testing.T) {
	e := accepted(t)
	restarted(t, &e)
	if f, _ := verify.Judge(e).Finding("I10"); f.State != verify.Matched {
		t.Errorf("%+v", f)
	}
	e.Gitops.Value.Replaced = verify.Miss[verify.Replaced](verify.Gap{Cause: verify.Failed, Why: "the remote hung up"})
	if f, _ := verify.Judge(e).Finding("I10"); f.State != verify.Unknown {
		t.Errorf("what it stands on was not seen: %+v", f)
	}
	was := func(e *verify.Evidence) *verify.Replaced {
		restarted(t, e)
		return &e.Gitops.Value.Replaced.Value
	}
	for name, tt := range map[string]struct {
		change func(e *verify.Evidence)
		want   string
	}{
		"another image for the service": {func(e *verify.Evidence) { was(e).Catalog.Services[0].Image.Digest = unknown }, "api digest: " + apiImage},
		"another image for a service that it does not name": {func(e *verify.Evidence) {
			was(e).Catalog.Services[1].Image.Digest = unknown
		}, "mailer digest"},
		"another identity": {func(e *verify.Evidence) {
			was(e).Catalog.Services[1].ComponentIdentity = unknown
		}, "it replaced pods, and changed the catalog's entry of mailer"},
		"a service that it does not name replaced": {func(e *verify.Evidence) {
			restarted(t, e)
			e.Gitops.Value.Catalog.Services[1].Generation = "0123456789abcdef"
		}, "mailer generation"},
		"a service more":  {func(e *verify.Evidence) { c := was(e).Catalog; c.Services = c.Services[:1] }, "and added services"},
		"another release": {func(e *verify.Evidence) { was(e).Catalog.SourceCommitID = before }, "catalog sourceCommitId"},
		"another intent":  {func(e *verify.Evidence) { was(e).Catalog.IntentDigest = unknown }, "catalog intentDigest"},
		"a file that it may not": {func(e *verify.Evidence) {
			w := was(e)
			w.Changed = append(w.Changed, e.Names.RuntimePath+"/network.yaml")
		}, "it replaced pods, and changed deploy/gitops/k7/runtime-v03/network.yaml of bbbbbbbbbbbb too"},
		"metadata with it": {func(e *verify.Evidence) {
			w := was(e)
			w.Changed = append(w.Changed, e.Names.Metadata()+"/hold.json")
		}, "hold.json of bbbbbbbbbbbb too"},
		"two parents":    {func(e *verify.Evidence) { was(e).Parents = 2 }, "and does not stand on one commit"},
		"another commit": {func(e *verify.Evidence) { was(e).By = above }, "and does not stand on one commit"},
		"the run was told something else": {func(e *verify.Evidence) {
			restarted(t, e)
			e.Tekton.Run.Value.Items("spec", "params")[1]["value"] = "0123456789abcdef=web"
		}, "params.restart"},
		"a release that says it is a restart": {func(e *verify.Evidence) {
			all := e.Tekton.TaskRuns.Value
			restarted(t, e)
			e.Tekton.TaskRuns.Value = all
		}, "a run that goes back or only replaces pods builds nothing"},
		"another generation in the catalog": {func(e *verify.Evidence) {
			restarted(t, e)
			e.Gitops.Value.Catalog.Services[0].Generation = "ffffffffffffffff"
		}, "api generation"},
		"no restart at all": {func(e *verify.Evidence) {
			restarted(t, e)
			e.Gitops.Value.Message = strings.Replace(e.Gitops.Value.Message, "=api", "api", 1)
		}, "is no restart"},
	} {
		t.Run(name, func(t *testing.T) {
			e := accepted(t)
			tt.change(&e)
			v := verify.Judge(e)
			if f, _ := v.Finding("I10"); f.State != verify.Contradicted || !strings.Contains(text(t, v), tt.want) {
				t.Error(text(t, v))
			}
		})
	}
}
