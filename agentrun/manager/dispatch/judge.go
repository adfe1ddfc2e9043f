package dispatch

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// Limits are how long things may last before a Dispatcher acts.
type Limits struct {
	Start   time.Duration // from the Job to its runner's claim, or of a Job that is refused
	Silence time.Duration // of a runner whose Job or pod has failed or is gone
	Cancel  time.Duration // from the wish to cancel to the runner's end
	Exit    time.Duration // of a Job whose attempt has ended
	Adopt   time.Duration // of an attempt without a Job that another replica began
	Answer  time.Duration // of Postgres to one question, which may be gone without a word
}

// DefaultLimits are those of a manager that is told none.
func DefaultLimits() Limits {
	return Limits{Start: 2 * time.Minute, Silence: 45 * time.Second, Cancel: 30 * time.Second, Exit: 30 * time.Second, Adopt: 2 * time.Second, Answer: 15 * time.Second}
}

// lasting is how long an attempt has been as it is, by this process's clock.
type lasting struct {
	state      time.Duration // in its state
	silence    time.Duration // without a new sign of life
	cancelling time.Duration // since somebody asked for its end
}

// verdict is what is to become of an attempt. Its zero value lets it go on.
type verdict struct {
	lost    bool
	reason  run.Reason // "" for what is only cancelled
	message string
}

// cancelled judges by what was asked for; the cluster has no say in it.
func (l Limits) cancelled(a store.OpenAttempt, t lasting) verdict {
	switch {
	case !a.Cancelling:
	case a.State != run.Claimed:
		return verdict{true, "", "cancelled before its runner began"}
	case t.cancelling > l.Cancel:
		return verdict{true, "", fmt.Sprintf("its runner did not end within %v of the cancellation", l.Cancel)}
	}
	return verdict{}
}

// judge judges by the Job and its pods as they are now; job is nil when it is gone. Last
// is the attempt's pod as it was seen last, or nil: it may explain one that is gone.
func (l Limits) judge(a store.OpenAttempt, t lasting, job *batchv1.Job, pods []*corev1.Pod, last *corev1.Pod) verdict {
	if job != nil && string(job.UID) != a.JobUID {
		job = nil // its name was taken by another one
	}
	pod := podOf(a, pods)
	if pod != nil {
		last = pod
	}
	lost := func(reason run.Reason, message string) verdict { return verdict{true, reason, message} }
	switch a.State {
	case run.Scheduled:
		switch {
		case job == nil || job.DeletionTimestamp != nil:
			return lost(gone(last, "its Job was deleted before its runner began"))
		case finished(job) || over(pod):
			return lost(ended(job, last))
		case t.state > l.Start:
			return lost(late(pod, l.Start))
		}
	case run.Claimed:
		if t.silence <= l.Silence {
			return verdict{}
		}
		longest := time.Duration(a.DeadlineSeconds+backstop)*time.Second + l.Silence
		switch {
		case job == nil || job.DeletionTimestamp != nil:
			return lost(gone(last, "its runner fell silent, and its Job is gone"))
		case pod == nil:
			return lost(gone(last, "its runner fell silent, and its pod is gone"))
		case finished(job) || over(pod):
			return lost(ended(job, last))
		case pod.DeletionTimestamp != nil:
			return lost(gone(pod, "its runner fell silent while its pod was being deleted"))
		case t.state > longest:
			return lost(run.RunnerLost, "its runner fell silent and is past its deadline")
		}
	}
	return verdict{}
}

// podOf is the pod that claimed the attempt, or before that the newest of its Job.
func podOf(a store.OpenAttempt, pods []*corev1.Pod) *corev1.Pod {
	var newest *corev1.Pod
	for _, p := range pods {
		if !owned(p, a.JobUID) {
			continue
		}
		if a.PodUID != "" {
			if string(p.UID) == a.PodUID {
				return p
			}
			continue
		}
		if newest == nil || newest.CreationTimestamp.Before(&p.CreationTimestamp) {
			newest = p
		}
	}
	return newest
}

func owned(p *corev1.Pod, jobUID string) bool {
	for _, o := range p.OwnerReferences {
		if o.Kind == "Job" && string(o.UID) == jobUID {
			return true
		}
	}
	return false
}

// finished reports whether the Job makes no pod any more.
func finished(job *batchv1.Job) bool {
	for _, c := range job.Status.Conditions {
		switch c.Type {
		case batchv1.JobComplete, batchv1.JobFailed, batchv1.JobFailureTarget, batchv1.JobSuccessCriteriaMet:
			if c.Status == corev1.ConditionTrue {
				return true
			}
		}
	}
	return false
}

func over(pod *corev1.Pod) bool {
	return pod != nil && (pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded)
}
