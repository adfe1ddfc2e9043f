package dispatch

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

func jobWith(conditions ...batchv1.JobCondition) *batchv1.Job {
	return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{UID: "j"}, Status: batchv1.JobStatus{Conditions: conditions}}
}

func jobIs(kind batchv1.JobConditionType, reason string) *batchv1.Job {
	return jobWith(batchv1.JobCondition{Type: kind, Status: corev1.ConditionTrue, Reason: reason, Message: "said so"})
}

func podWith(change func(*corev1.Pod)) []*corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "p", OwnerReferences: []metav1.OwnerReference{{Kind: "Job", UID: "j"}}}}
	p.Spec.NodeName, p.Status.Phase = "n", corev1.PodPending
	change(p)
	return []*corev1.Pod{p}
}

func phase(phase corev1.PodPhase, reason string) []*corev1.Pod {
	return podWith(func(p *corev1.Pod) { p.Status.Phase, p.Status.Reason, p.Status.Message = phase, reason, "said so" })
}

func waiting(reason string) []*corev1.Pod {
	return podWith(func(p *corev1.Pod) {
		p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "home", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "said\nso"}}}}
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "worker", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "PodInitializing"}}}}
	})
}

func terminated(phase corev1.PodPhase, code int32, reason string) []*corev1.Pod {
	return podWith(func(p *corev1.Pod) {
		p.Status.Phase = phase
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "worker", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason}}}}
	})
}

func condition(kind corev1.PodConditionType, status corev1.ConditionStatus) []*corev1.Pod {
	return podWith(func(p *corev1.Pod) {
		p.Status.Conditions = []corev1.PodCondition{{Type: kind, Status: status, Reason: "Because", Message: "said so"}}
	})
}

var started = podWith(func(p *corev1.Pod) {
	p.Status.Phase = corev1.PodRunning
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "worker", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
})

func TestJudge(t *testing.T) {
	l := DefaultLimits()
	early, slow, silent := lasting{state: time.Minute}, lasting{state: 3 * time.Minute}, lasting{state: 3 * time.Minute, silence: time.Minute}
	deleting := jobWith()
	deleting.DeletionTimestamp = &metav1.Time{}
	another := jobWith()
	another.UID = "k"
	outlived := lasting{state: 13 * time.Minute, silence: time.Minute}
	const none run.Reason = "goes on"
	tests := []struct {
		name  string
		state run.AttemptState
		t     lasting
		job   *batchv1.Job
		pods  []*corev1.Pod
		want  run.Reason
		why   string
	}{
		{"no pod yet", run.Scheduled, early, jobWith(), nil, none, ""},
		{"pulling", run.Scheduled, early, jobWith(), waiting("ImagePullBackOff"), none, ""},
		{"no pod at all", run.Scheduled, slow, jobWith(), nil, run.Unschedulable, "made no pod"},
		{"no image", run.Scheduled, slow, jobWith(), waiting("ErrImagePull"), run.ImagePull, "ErrImagePull: said?so"},
		{"image backs off", run.Scheduled, slow, jobWith(), waiting("ImagePullBackOff"), run.ImagePull, "did not come"},
		{"bad image name", run.Scheduled, slow, jobWith(), waiting("InvalidImageName"), run.ImagePull, "did not come"},
		{"image on its way", run.Scheduled, slow, jobWith(), waiting("PodInitializing"), run.ImagePull, "on its way"},
		{"no secret", run.Scheduled, slow, jobWith(), waiting("CreateContainerConfigError"), run.ConfigInvalid, "home cannot be made"},
		{"no node", run.Scheduled, slow, jobWith(), condition(corev1.PodScheduled, corev1.ConditionFalse), run.Unschedulable, "no node took the pod within 2m0s: Because: said so"},
		{"no scheduler", run.Scheduled, slow, jobWith(), podWith(func(p *corev1.Pod) { p.Spec.NodeName = "" }), run.Unschedulable, "no node"},
		{"no kubelet", run.Scheduled, slow, jobWith(), phase(corev1.PodPending, ""), run.RunnerLost, "node has not begun"},
		{"no volume", run.Scheduled, slow, jobWith(), condition(corev1.PodReadyToStartContainers, corev1.ConditionFalse), run.RunnerLost, "volumes and network"},
		{"does not report", run.Scheduled, slow, jobWith(), started, run.RunnerLost, "has not reported"},
		{"evicted before", run.Scheduled, early, jobWith(), phase(corev1.PodFailed, "Evicted"), run.Evicted, "Evicted: said so"},
		{"refused by the node", run.Scheduled, early, jobWith(), phase(corev1.PodFailed, "OutOfcpu"), run.Unschedulable, "did not take"},
		{"bad configuration", run.Scheduled, early, jobWith(), terminated(corev1.PodFailed, 64, "Error"), run.ConfigInvalid, "exit code 64"},
		{"cannot run", run.Scheduled, early, jobWith(), terminated(corev1.PodFailed, 128, "StartError"), run.ConfigInvalid, "cannot run"},
		{"ends before it reports", run.Scheduled, early, jobWith(), terminated(corev1.PodFailed, 70, "Error"), run.RunnerLost, "exit code 70"},
		{"out of memory before", run.Scheduled, early, jobWith(), terminated(corev1.PodFailed, 137, "OOMKilled"), run.Evicted, "more memory"},
		{"does nothing", run.Scheduled, early, jobIs(batchv1.JobComplete, ""), terminated(corev1.PodSucceeded, 0, "Completed"), run.RunnerLost, "did not say how"},
		{"Job failed", run.Scheduled, early, jobIs(batchv1.JobFailed, "DeadlineExceeded"), nil, run.RunnerLost, "DeadlineExceeded: said so"},
		{"Job about to fail", run.Scheduled, early, jobIs(batchv1.JobFailureTarget, "BackoffLimitExceeded"), condition(corev1.DisruptionTarget, corev1.ConditionTrue), run.Evicted, "Because"},
		{"Job gone", run.Scheduled, early, nil, nil, run.RunnerLost, "was deleted before"},
		{"Job going", run.Scheduled, early, deleting, waiting("PodInitializing"), run.RunnerLost, "was deleted before"},
		{"another Job", run.Scheduled, early, another, started, run.RunnerLost, "was deleted before"},

		{"works", run.Claimed, outlived, jobWith(), started, run.RunnerLost, "past its deadline"},
		{"silent", run.Claimed, silent, jobWith(), started, none, ""},
		{"heard of", run.Claimed, slow, nil, nil, none, ""},
		{"heard of, but failed", run.Claimed, slow, jobIs(batchv1.JobFailed, ""), terminated(corev1.PodFailed, 1, "Error"), none, ""},
		{"out of memory", run.Claimed, silent, jobWith(), terminated(corev1.PodFailed, 137, "OOMKilled"), run.Evicted, "more memory"},
		{"evicted", run.Claimed, silent, jobIs(batchv1.JobFailed, ""), phase(corev1.PodFailed, "Evicted"), run.Evicted, "its node ended"},
		{"preempted", run.Claimed, silent, nil, condition(corev1.DisruptionTarget, corev1.ConditionTrue), run.Evicted, "the cluster ended"},
		{"killed", run.Claimed, silent, jobIs(batchv1.JobFailed, ""), terminated(corev1.PodFailed, 137, "Error"), run.RunnerLost, "exit code 137"},
		{"gone with its Job", run.Claimed, silent, nil, nil, run.RunnerLost, "Job is gone"},
		{"Job goes", run.Claimed, silent, deleting, started, run.RunnerLost, "Job is gone"},
		{"pod gone", run.Claimed, silent, jobWith(), nil, run.RunnerLost, "pod is gone"},
		{"pod replaced", run.Claimed, silent, jobWith(), podWith(func(p *corev1.Pod) { p.UID = "q" }), run.RunnerLost, "pod is gone"},
		{"pod goes", run.Claimed, silent, jobWith(), podWith(func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{} }), run.RunnerLost, "being deleted"},
		{"says nothing and leaves", run.Claimed, silent, jobIs(batchv1.JobComplete, ""), terminated(corev1.PodSucceeded, 0, "Completed"), run.RunnerLost, "did not say how"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := store.OpenAttempt{State: tt.state, JobUID: "j", DeadlineSeconds: 600}
			if tt.state == run.Claimed {
				a.PodUID = "p"
			}
			got := l.judge(a, tt.t, tt.job, tt.pods, nil)
			want := verdict{lost: tt.want != none, reason: tt.want, message: got.message}
			if tt.want == none {
				want = verdict{}
			}
			if got != want || !strings.Contains(got.message, tt.why) {
				t.Errorf("got %+v, want %s: %s", got, tt.want, tt.why)
			}
		})
	}
}

func TestJudgeOfWhatIsCancelled(t *testing.T) {
	l := DefaultLimits()
	for _, tt := range []struct {
		state      run.AttemptState
		cancelling bool
		since      time.Duration
		lost       bool
	}{
		{run.Pending, false, time.Hour, false},
		{run.Pending, true, 0, true},
		{run.Scheduled, true, 0, true},
		{run.Claimed, true, 30 * time.Second, false},
		{run.Claimed, true, 31 * time.Second, true},
		{run.Claimed, false, time.Hour, false},
	} {
		got := l.cancelled(store.OpenAttempt{State: tt.state, Cancelling: tt.cancelling}, lasting{cancelling: tt.since})
		if got.lost != tt.lost || got.reason != "" || tt.lost != (got.message != "") {
			t.Errorf("%+v: got %+v", tt, got)
		}
	}
}

// A pod that is gone is explained by what it said last.
func TestJudgeRemembersThePod(t *testing.T) {
	evicted := condition(corev1.DisruptionTarget, corev1.ConditionTrue)[0]
	silent := lasting{silence: time.Minute}
	a := store.OpenAttempt{State: run.Claimed, JobUID: "j", PodUID: "p"}
	for _, job := range []*batchv1.Job{nil, jobWith(), jobIs(batchv1.JobFailed, "BackoffLimitExceeded")} {
		if got := DefaultLimits().judge(a, silent, job, nil, evicted); got.reason != run.Evicted {
			t.Errorf("got %+v", got)
		}
	}
	a.State = run.Scheduled
	if got := DefaultLimits().judge(a, lasting{}, nil, nil, evicted); got.reason != run.Evicted {
		t.Errorf("got %+v", got)
	}
}

// Of two pods the one that claimed speaks, and before a claim the newer one.
func TestPodOf(t *testing.T) {
	older, newer, other := podWith(func(p *corev1.Pod) { p.UID = "old" })[0], podWith(func(p *corev1.Pod) { p.UID = "new" })[0], podWith(func(p *corev1.Pod) { p.UID = "other" })[0]
	newer.CreationTimestamp = metav1.Unix(2, 0)
	older.CreationTimestamp = metav1.Unix(1, 0)
	other.CreationTimestamp = metav1.Unix(3, 0)
	other.OwnerReferences[0].UID = "k"
	all := []*corev1.Pod{older, other, newer}
	if got := podOf(store.OpenAttempt{JobUID: "j"}, all); got != newer {
		t.Errorf("got %v", got)
	}
	if got := podOf(store.OpenAttempt{JobUID: "j", PodUID: "old"}, all); got != older {
		t.Errorf("got %v", got)
	}
	if got := podOf(store.OpenAttempt{JobUID: "j", PodUID: "other"}, all); got != nil {
		t.Errorf("got %v", got)
	}
}
