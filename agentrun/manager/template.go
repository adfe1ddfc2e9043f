package manager

import (
	"bytes"
	"io"
	"os"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

// templateBytes is more than a ConfigMap can hold.
const templateBytes = 1 << 20

// ReadJobTemplate reads the runner's Job manifest, YAML of one batch/v1 Job, as
// it is now. It refuses an image that is not pinned by its digest (rule F2).
func ReadJobTemplate(path string) (*batchv1.Job, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fail.Fail("", "mount the runner's Job template there", "reading the job template: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, templateBytes+1))
	if err != nil {
		return nil, fail.Fail("", "mount the runner's Job template there", "reading the job template: %w", err)
	}
	return parseJobTemplate(path, data)
}

func parseJobTemplate(path string, data []byte) (*batchv1.Job, error) {
	const hint = "promote a render of the runner's service again"
	if len(data) > templateBytes {
		return nil, fail.Refuse("", path, hint, "the job template has more than %d bytes", templateBytes)
	}
	if bytes.Contains(bytes.TrimPrefix(data, []byte("---\n")), []byte("\n---")) {
		return nil, fail.Refuse("", path, hint, "the job template holds more than one document")
	}
	var job batchv1.Job
	if err := yaml.UnmarshalStrict(data, &job); err != nil {
		return nil, fail.Refuse("", path, hint, "the job template is not a Job: %w", err)
	}
	if job.APIVersion != "batch/v1" || job.Kind != "Job" {
		return nil, fail.Refuse("", path, hint, "the job template is a %q of %q, not a Job of batch/v1", job.Kind, job.APIVersion)
	}
	pod := job.Spec.Template.Spec
	if len(pod.Containers) == 0 {
		return nil, fail.Refuse("", path, hint, "the job template has no container")
	}
	for _, containers := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
		for _, c := range containers {
			if repository, digest, _ := strings.Cut(c.Image, "@"); repository == "" || !canon.IsDigest(digest) {
				return nil, fail.Refuse("F2", path+": container "+c.Name, hint, "the image %q is not pinned by its digest", c.Image)
			}
		}
	}
	return &job, nil
}
