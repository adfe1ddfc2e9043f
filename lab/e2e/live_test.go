package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// secretGone deletes the manager's Secret for as long as the test wants.
func (s *stage) secretGone() (restore func()) {
	s.Helper()
	name := s.Names.RuntimeNamespace + "-postgres"
	s.kubectl("-n", s.Names.RuntimeNamespace, "delete", "secret", name)
	restore = func() { s.ok(s.RuntimeSecrets(s.lasting())) }
	s.Cleanup(func() {
		if s.Failed() {
			restore()
		}
	})
	return restore
}

// TestI8_G5_SecretMissing: the new pod waits while the old ones serve, and the
// verdict names the Secret and the key.
func TestI8_G5_SecretMissing(t *testing.T) {
	s := theLane(t)
	restore := s.secretGone()
	old := strings.Fields(s.pods("agentrun-mgr"))
	s.touch("agentrun-mgr")
	commit := s.commit("mgr: rolled out without its Secret")
	started, err := s.Release(t.Context(), commit)
	s.ok(err)
	s.ends(started.Result, 0)
	s.until("the run succeeds", func() error {
		r, err := s.Release(t.Context(), commit)
		s.ok(err)
		if r.Run.State != "succeeded" {
			return errors.New(r.Run.State)
		}
		return nil
	})
	secret := s.Names.RuntimeNamespace + "-postgres"
	s.contradicted("I8", "Pod agentrun-mgr", "CreateContainerConfigError", secret)
	s.kubectl("-n", s.Names.RuntimeNamespace, "create", "secret", "generic", secret)
	s.contradicted("I8", "Pod agentrun-mgr", "CreateContainerConfigError", secret, "DATABASE_URL")
	s.kubectl("-n", s.Names.RuntimeNamespace, "delete", "secret", secret)
	serving := 0
	for id := range strings.FieldsSeq(s.pods("agentrun-mgr")) {
		for _, was := range old {
			if id == was {
				serving++
			}
		}
	}
	if serving == 0 {
		t.Error("no old pod serves any more")
	}
	status, err := s.Try(t.Context(), "status")
	s.ok(err)
	s.ends(status, 0, commit[:12], "Progressing")
	restore()
	if v := s.accepted(); v.Commit != commit {
		t.Errorf("accepted at %s, not at %s", v.Commit, commit)
	}
}

// TestF3_F2_ImageDeleted: the verdict names the image that the registry does not
// have any more, a promotion refuses to name it again, and says the way out.
func TestF3_F2_ImageDeleted(t *testing.T) {
	s := theLane(t)
	repository := "/v2/" + s.Names.Project + "/agentrun-runner/manifests/"
	digest := s.catalog()["agentrun-runner"].Digest
	manifest, _, err := s.registry(http.MethodGet, repository+digest)
	s.ok(err)
	_, _, err = s.registry(http.MethodDelete, repository+digest)
	s.ok(err)
	t.Cleanup(func() { // tests that come later may go back to it
		s.put(repository+digest, manifest)
	})
	s.contradicted("F3", "agentrun-runner", digest[:19])
	head := s.gitopsHead()
	r := s.release(s.readme())
	s.ends(r.Result, 1, "F2", "agentrun-runner", "hint: put the images back, or release a commit that changes these services")
	if r.Failure == nil || r.Failure.Exit != 4 {
		t.Errorf("it failed at %+v", r.Failure)
	}
	if now := s.gitopsHead(); now != head {
		t.Errorf("the GitOps branch moved from %s to %s", head, now)
	}
	s.touch("agentrun-runner")
	s.released("one service changed", s.commit("runner: built again"))
	s.accepted()
}

// TestH2_H3_PatchedByHand: a live object that somebody patched contradicts the
// verdict by manager and field until Argo CD has healed it.
func TestH2_H3_PatchedByHand(t *testing.T) {
	s := theLane(t)
	start := s.stop("argocd-controller") // else it heals before anybody looks
	for _, patch := range []string{
		`{"spec":{"replicas":3}}`,
		`{"spec":{"template":{"spec":{"containers":[{"name":"agentrun-mgr","env":[{"name":"AGENTRUN_LANE","value":"v9.9"}]}]}}}}`,
	} {
		s.kubectl("-n", s.Names.RuntimeNamespace, "patch", "deployment", "agentrun-mgr", "--field-manager=somebody", "-p", patch)
	}
	s.contradicted("H2", "Deployment agentrun-mgr", "somebody", "spec.replicas")
	s.contradicted("H3", "Deployment agentrun-mgr", "spec.replicas", "3")
	s.contradicted("H3", "Deployment agentrun-mgr", "env[AGENTRUN_LANE].value")
	status, err := s.Try(t.Context(), "status", "-o", "json")
	s.ok(err)
	var told struct{ Drift *int }
	s.ok(json.Unmarshal(status.Out, &told))
	if told.Drift == nil || *told.Drift < 2 {
		t.Errorf("status says drift: %s", status.Out)
	}
	start()
	s.accepted()
	if replicas := s.kubectl("-n", s.Names.RuntimeNamespace, "get", "deployment", "agentrun-mgr", "-o", "jsonpath={.spec.replicas}"); replicas != "2" {
		t.Errorf("there are %s replicas", replicas)
	}
}

// TestG1_C3_RemovedServiceIsPruned: what a service had is gone when a commit does
// not declare it any more.
func TestG1_C3_RemovedServiceIsPruned(t *testing.T) {
	s := theLane(t)
	before := s.sourceHead()
	s.write("cmd/agentrun-echo/main.go", `// Command agentrun-echo answers.
package main

import "net/http"

func main() {
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	panic(http.ListenAndServe(":8080", nil))
}
`)
	s.replace("deploy/deploy.json", `  "services": [`, `  "services": [
    {
      "id": "agentrun-echo",
      "kind": "deployment",
      "enabled": true,
      "build": { "go": "./cmd/agentrun-echo" },
      "replicas": 1,
      "ports": [{ "name": "http", "port": 8080 }],
      "health": { "live": "/healthz", "ready": "/healthz" },
      "resources": { "requests": { "cpu": "10m", "memory": "16Mi" }, "limits": { "cpu": "1", "memory": "64Mi" } }
    },`)
	pods := s.pods("agentrun-mgr")
	s.released("a service added", s.commit("echo: a third service"))
	s.accepted()
	s.pods("agentrun-echo")
	if _, there := s.catalog()["agentrun-echo"]; !there {
		t.Error("the catalog does not have it")
	}
	s.undo(before)
	s.released("a service removed", s.sourceHead())
	s.accepted()
	if left := s.kubectl("-n", s.Names.RuntimeNamespace, "get", "deployments,replicasets,pods,services,networkpolicies,configmaps,serviceaccounts", "-o", "name"); strings.Contains(left, "agentrun-echo") {
		t.Errorf("left: %s", left)
	}
	if _, there := s.catalog()["agentrun-echo"]; there {
		t.Error("the catalog still has it")
	}
	if files := s.gitops("ls-tree", "-r", "--name-only", "@"); strings.Contains(files, "echo") {
		t.Errorf("the branch still has it: %s", files)
	}
	if now := s.pods("agentrun-mgr"); now != pods {
		t.Errorf("agentrun-mgr was restarted: %s, now %s", pods, now)
	}
}

// TestG2_A3_AnotherDestination: Argo CD itself refuses an Application of the lane's
// project that goes elsewhere, and a manifest in the path that does.
func TestG2_A3_AnotherDestination(t *testing.T) {
	s := theLane(t)
	s.apply(fmt.Sprintf(`{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: e2e-elsewhere, namespace: %s},
spec: {project: %s, source: {repoURL: %q, targetRevision: refs/heads/%s, path: %s}, destination: {server: "https://kubernetes.default.svc", namespace: default},
syncPolicy: {automated: {}}}}`, s.Names.ArgoNamespace, s.Names.ArgoAppProject, s.must(s.Git(t.Context(), "remote", "get-url", "origin")), s.Names.GitopsBranch, s.Names.RuntimePath))
	t.Cleanup(func() {
		_, _ = s.Lab.Kubectl(s.lasting(), "", "-n", s.Names.ArgoNamespace, "delete", "application", "e2e-elsewhere", "--ignore-not-found")
	})
	s.until("Argo CD refuses the Application", func() error {
		conditions := s.kubectl("-n", s.Names.ArgoNamespace, "get", "application", "e2e-elsewhere", "-o", "jsonpath={.status.conditions}")
		if !strings.Contains(conditions, "InvalidSpecError") || !strings.Contains(conditions, "do not match any of the allowed destinations") {
			return errors.New(conditions)
		}
		return nil
	})
	if there := s.kubectl("-n", "default", "get", "deployments", "-o", "name"); there != "" {
		t.Errorf("it was brought there all the same: %s", there)
	}
	s.kubectl("-n", s.Names.ArgoNamespace, "delete", "application", "e2e-elsewhere")

	head := s.gitopsHead()
	s.push(s.Names.RuntimePath+"/elsewhere.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: elsewhere\n  namespace: default\n")
	s.until("Argo CD refuses the manifest", func() error {
		state := s.kubectl("-n", s.Names.ArgoNamespace, "get", "application", s.Names.ArgoApplication, "-o", "jsonpath={.status.conditions}{.status.operationState}")
		if !strings.Contains(state, "namespace default is not permitted in project") {
			return errors.New(state)
		}
		return nil
	})
	s.contradicted("A3", "elsewhere")
	if there, err := s.Lab.Kubectl(t.Context(), "", "-n", "default", "get", "configmap", "elsewhere"); err == nil {
		t.Errorf("it was brought there all the same: %s", there)
	}
	s.released("nothing changed", s.readme())
	if files := s.gitops("ls-tree", "-r", "--name-only", "@"); strings.Contains(files, "elsewhere") {
		t.Errorf("the promotion left it: %s, since %s", files, head)
	}
	s.accepted()
}
