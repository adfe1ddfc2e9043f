package dispatch

import (
	"fmt"
	"path"
	"slices"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/pikasTech/agentrun/agentrun/manager/identity"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
)

// What a runner's container finds besides what its template says.
const (
	EnvManagerURL = "AGENTRUN_MANAGER_URL"
	EnvTokenFile  = "AGENTRUN_TOKEN_FILE" // to be read anew for each request: the kubelet renews it

	tokenVolume  = "agentrun-token"
	tokenFolder  = "/var/run/secrets/agentrun.dev"
	tokenFile    = "token"
	tokenSeconds = 3600
)

// backstop is how much longer than its attempt a Job may live: the runner itself keeps
// the deadline.
const backstop = 120 // seconds

// Manifest is the Job of an attempt: template with what makes it that attempt's. It
// changes nothing of template.
func Manifest(template *batchv1.Job, a store.OpenAttempt, namespace, managerURL string) (*batchv1.Job, error) {
	refuse := func(format string, args ...any) (*batchv1.Job, error) {
		return nil, fmt.Errorf("the runner's Job template "+format, args...)
	}
	job := template.DeepCopy()
	pod := &job.Spec.Template.Spec
	switch {
	case job.Namespace != "" && job.Namespace != namespace:
		return refuse("is for namespace %s, not %s", job.Namespace, namespace)
	case len(pod.Containers) == 0:
		return refuse("has no container")
	case job.Spec.Parallelism != nil && *job.Spec.Parallelism != 1, job.Spec.Completions != nil && *job.Spec.Completions != 1:
		return refuse("is for more than one pod")
	case pod.RestartPolicy != corev1.RestartPolicyNever:
		return refuse("restarts its containers")
	case slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == tokenVolume }):
		return refuse("has a volume %s of its own", tokenVolume)
	}
	job.Name, job.GenerateName, job.Namespace = a.JobName, "", namespace
	mark(&job.Labels, a)
	mark(&job.Spec.Template.Labels, a)
	job.Spec.BackoffLimit = new(int32(0))
	job.Spec.ActiveDeadlineSeconds = new(int64(a.DeadlineSeconds) + backstop)

	pod.Volumes = append(pod.Volumes, corev1.Volume{Name: tokenVolume, VolumeSource: corev1.VolumeSource{
		Projected: &corev1.ProjectedVolumeSource{
			DefaultMode: new(int32(0o440)),
			Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
				Audience: identity.Audience, ExpirationSeconds: new(int64(tokenSeconds)), Path: tokenFile,
			}}},
		},
	}})
	runner := &pod.Containers[0]
	runner.VolumeMounts = append(runner.VolumeMounts, corev1.VolumeMount{Name: tokenVolume, ReadOnly: true, MountPath: tokenFolder})
	setEnv(runner, EnvManagerURL, managerURL)
	setEnv(runner, EnvTokenFile, path.Join(tokenFolder, tokenFile))
	return job, nil
}

func mark(labels *map[string]string, a store.OpenAttempt) {
	if *labels == nil {
		*labels = map[string]string{}
	}
	(*labels)[identity.RunLabel], (*labels)[identity.AttemptLabel] = a.RunID, strconv.Itoa(a.Attempt)
}

func setEnv(c *corev1.Container, name, value string) {
	c.Env = slices.DeleteFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == name })
	c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: value})
}

// key is which attempt something is of.
type key struct {
	runID   string
	attempt int
}

func keyOf(a store.OpenAttempt) key { return key{a.RunID, a.Attempt} }

// attemptOf is the attempt that a Job is of; false when its labels and its name do not
// say the same.
func attemptOf(job *batchv1.Job) (key, bool) {
	id := job.Labels[identity.RunLabel]
	attempt, err := strconv.Atoi(job.Labels[identity.AttemptLabel])
	if err != nil {
		return key{}, false
	}
	name, err := store.JobNameOf(id, attempt)
	return key{id, attempt}, err == nil && name == job.Name
}
