package manager

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
)

const pinned = "127.0.0.1:5000/example/worker@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

const jobManifest = `apiVersion: batch/v1
kind: Job
metadata:
  name: worker
spec:
  template:
    spec:
      restartPolicy: Never
      initContainers:
        - name: home
          image: ` + pinned + `
      containers:
        - name: worker
          image: ` + pinned + `
`

// A ConfigMap is mounted through symlinks that are swapped as a whole; what is
// read is what is there now.
func TestReadJobTemplateIsLive(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "job.yaml")
	if _, err := ReadJobTemplate(path); fail.CodeOf(err) != fail.Failed || fail.HintOf(err) == "" {
		t.Errorf("a missing template gives %v", err)
	}
	if err := os.Symlink(filepath.Join("..data", "job.yaml"), path); err != nil {
		t.Fatal(err)
	}
	for generation, name := range map[string]string{"..first": "worker", "..second": "other"} {
		if err := os.Mkdir(filepath.Join(dir, generation), 0o755); err != nil {
			t.Fatal(err)
		}
		manifest := strings.Replace(jobManifest, "name: worker", "name: "+name, 1)
		if err := os.WriteFile(filepath.Join(dir, generation, "job.yaml"), []byte(manifest), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(generation, filepath.Join(dir, "..new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		job, err := ReadJobTemplate(path)
		if err != nil {
			t.Fatal(err)
		}
		if job.Name != name {
			t.Errorf("got %q, want %q", job.Name, name)
		}
	}
}

func TestParseJobTemplateRefuses(t *testing.T) {
	edit := func(old, new string) string { return strings.Replace(jobManifest, old, new, 1) }
	tests := []struct{ name, in, why string }{
		{"empty", "", `a "" of ""`},
		{"not YAML", "\tjob", "is not a Job"},
		{"a list", "- job", "is not a Job"},
		{"another kind", edit("kind: Job", "kind: CronJob"), `a "CronJob" of "batch/v1"`},
		{"another version", edit("batch/v1", "batch/v1beta1"), `a "Job" of "batch/v1beta1"`},
		{"unknown field", edit("restartPolicy", "restartPolice"), `unknown field "restartPolice"`},
		{"a key twice", edit("kind: Job", "kind: Job\nkind: Job"), "already set"},
		{"two documents", jobManifest + "---\n" + jobManifest, "more than one document"},
		{"no container", jobManifest[:strings.Index(jobManifest, "      initContainers")], "no container"},
		{"F2 tag alone", edit(pinned, "127.0.0.1:5000/example/worker:v1"), `worker:v1" is not pinned by its digest`},
		{"F2 no image", edit("          image: "+pinned+"\n", ""), `the image "" is not pinned`},
		{"F2 short digest", edit(pinned, "worker@sha256:0123"), "not pinned"},
		{"F2 init container", strings.Replace(jobManifest, pinned, "worker:v1", 1), "container home"},
		{"too large", jobManifest + strings.Repeat("#", templateBytes), "more than 1048576 bytes"},
		{"aliases without end", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n", "is not a Job"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseJobTemplate("job.yaml", []byte(tt.in))
			if fail.CodeOf(err) != fail.Refused || !strings.Contains(err.Error(), tt.why) || fail.HintOf(err) == "" {
				t.Errorf("got %v, want %q", err, tt.why)
			}
			if strings.HasPrefix(tt.name, "F2") && fail.RuleOf(err) != "F2" {
				t.Errorf("the rule is %q", fail.RuleOf(err))
			}
		})
	}
	if _, err := parseJobTemplate("job.yaml", []byte("---\n"+jobManifest)); err != nil {
		t.Error(err)
	}
}

func FuzzParseJobTemplate(f *testing.F) {
	f.Add([]byte(jobManifest))
	f.Add([]byte("---\nkind: Job\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		job, err := parseJobTemplate("job.yaml", data)
		if err != nil {
			return
		}
		for _, c := range job.Spec.Template.Spec.Containers {
			if !strings.Contains(c.Image, "@sha256:") {
				t.Errorf("the image %q is accepted", c.Image)
			}
		}
	})
}
