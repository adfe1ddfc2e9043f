package verify_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/secretscan/fake"
	"github.com/pikasTech/agentrun/lane/verify"
)

// TestC4_NoFindingRepeatsALiveCredential: who looks into why a sync fails puts a token
// into an address. The verdict says what is there but for that, wherever it stands.
func TestC4_NoFindingRepeatsALiveCredential(t *testing.T) {
	password, token := fake.Password(), fake.GitHubToken()
	address := "https:/" + "/git:" + password + "@git.example.com/shop.git"
	alone := "https:/" + "/" + password + "@git.example.com/shop.git" // as some hosts take it
	app := func(e *verify.Evidence) verify.Object { return e.Argo.Application.Value }
	project := func(e *verify.Evidence) verify.Object { return e.Argo.AppProject.Value }
	for _, tt := range []struct {
		name, says string
		change     func(e *verify.Evidence)
	}{
		{"the source", "spec.source.repoURL: https://***@git.example.com/shop.git, want https://git.example.com/shop.git", func(e *verify.Evidence) {
			set(app(e), address, "spec", "source", "repoURL")
		}},
		{"a token and no user", "spec.source.repoURL: https://***@git.example.com/shop.git, want ", func(e *verify.Evidence) {
			set(app(e), alone, "spec", "source", "repoURL")
		}},
		{"what was compared", "status.sync.comparedTo.source.repoURL: https://***@git.example.com/shop.git", func(e *verify.Evidence) {
			set(app(e), address, "status", "sync", "comparedTo", "source", "repoURL")
		}},
		{"a second source", "it has a second source: https://***@git.example.com/shop.git charts", func(e *verify.Evidence) {
			set(app(e), []any{map[string]any{"repoURL": address, "path": "charts"}}, "spec", "sources")
		}},
		{"the project's source", "spec.sourceRepos: https://***@git.example.com/shop.git", func(e *verify.Evidence) {
			set(project(e), []any{address}, "spec", "sourceRepos")
		}},
		{"more sources than one", "spec.sourceRepos: https://***@git.example.com/shop.git, https://***@git.example.com/shop.git", func(e *verify.Evidence) {
			set(project(e), []any{address, alone}, "spec", "sourceRepos")
		}},
		{"a destination", "spec.destination.server: https://***@k8s.example.com", func(e *verify.Evidence) {
			set(app(e), "https:/"+"/x:"+password+"@k8s.example.com", "spec", "destination", "server")
		}},
		{"a token where a branch should be", "spec.source.targetRevision: (withheld: it looks like a credential), want refs/heads/v0.3-gitops", func(e *verify.Evidence) {
			set(app(e), token, "spec", "source", "targetRevision")
		}},
		{"an address that is cut", "spec.source.repoURL: https://***@git.example.com/", func(e *verify.Evidence) {
			set(app(e), "https:/"+"/git:"+strings.Repeat(password, 20)+"@git.example.com/", "spec", "source", "repoURL")
		}},
		{"what Argo CD says", "ComparisonError: fetching https://***@git.example.com/shop.git", func(e *verify.Evidence) {
			set(app(e), []any{map[string]any{"type": "ComparisonError", "message": "fetching " + alone + " failed"}}, "status", "conditions")
		}},
		{"why something was not seen", "asking https://***@k8s.example.com", func(e *verify.Evidence) {
			e.Argo.Applications = verify.Miss[[]verify.Object](verify.Gap{Cause: verify.Failed, Why: "asking https:/" + "/" + password + "@k8s.example.com"})
		}},
		{"an image", "(withheld: it looks like a credential)", func(e *verify.Evidence) {
			c := find(t, e, "Deployment", "api").Items("spec", "template", "spec", "containers")[0]
			set(c, "127.0.0.1:5000/"+token, "image")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := accepted(t)
			tt.change(&e)
			v := verify.Judge(e)
			if v.Accepted {
				t.Fatal("it is accepted")
			}
			doc, err := v.Encode()
			if err != nil {
				t.Fatal(err)
			}
			told := text(t, v)
			if all := told + string(doc); strings.Contains(all, password[:8]) || strings.Contains(all, token[:12]) {
				t.Errorf("the credential is told:\n%s", told)
			}
			if !strings.Contains(told, tt.says) {
				t.Errorf("want %q in\n%s", tt.says, told)
			}
		})
	}
}

// TestC4_TheStatusRepeatsNoLiveCredential: lane status judges nothing, and tells why it
// does not see.
func TestC4_TheStatusRepeatsNoLiveCredential(t *testing.T) {
	e := accepted(t)
	e.Argo.Application = verify.Miss[verify.Object](verify.Gap{Cause: verify.Failed, Why: "asking https:/" + "/x:" + fake.Password() + "@k8s.example.com"})
	s := verify.StatusOf(e)
	var b strings.Builder
	if err := s.Text(&b); err != nil {
		t.Fatal(err)
	}
	if out := b.String(); !strings.Contains(out, "not seen: Application: asking https://***@k8s.example.com") {
		t.Error(out)
	}
}
