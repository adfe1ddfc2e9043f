package dispatch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/fail"
)

// exitBadConfig is the exit code of the runner for what is set up wrongly.
const exitBadConfig = 64

// What a kubelet says of a container that does not come up.
var (
	imageTrouble = []string{
		"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed",
	}
	setupTrouble = []string{"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError"}
)

// gone explains an attempt whose Job or pod is gone: by what the pod still says, or
// with message.
func gone(pod *corev1.Pod, message string) (run.Reason, string) {
	if pod != nil {
		if reason, why := ousted(pod); reason != "" {
			return reason, why
		}
	}
	return run.RunnerLost, message
}

// ended explains an attempt whose Job or pod has ended without the runner's word.
func ended(job *batchv1.Job, pod *corev1.Pod) (run.Reason, string) {
	if pod != nil {
		if reason, why := ousted(pod); reason != "" {
			return reason, why
		}
		if reason, why := exited(pod); reason != "" {
			return reason, why
		}
	}
	for _, c := range job.Status.Conditions {
		if c.Type == batchv1.JobFailed || c.Type == batchv1.JobFailureTarget {
			return run.RunnerLost, "its Job failed: " + say(c.Reason, c.Message)
		}
	}
	return run.RunnerLost, "its Job ended, and its runner did not say how"
}

// ousted explains a pod that the cluster did not let live; "" when it did.
func ousted(pod *corev1.Pod) (run.Reason, string) {
	switch why := pod.Status.Reason; {
	case strings.HasPrefix(why, "OutOf"), why == "NodeAffinity", why == "UnexpectedAdmissionError":
		return run.Unschedulable, "its node did not take the pod: " + say(why, pod.Status.Message)
	case why == "Evicted", why == "Preempting", why == "NodeShutdown", why == "Terminated", why == "NodeLost":
		return run.Evicted, "its node ended the pod: " + say(why, pod.Status.Message)
	}
	for _, c := range statuses(pod) {
		if t := c.State.Terminated; t != nil && t.Reason == "OOMKilled" {
			return run.Evicted, fmt.Sprintf("container %s needed more memory than it may have", c.Name)
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue {
			return run.Evicted, "the cluster ended the pod: " + say(c.Reason, c.Message)
		}
	}
	return "", ""
}

// exited explains a pod whose containers have ended; "" when none says anything.
func exited(pod *corev1.Pod) (run.Reason, string) {
	for _, c := range statuses(pod) {
		t := c.State.Terminated
		switch {
		case t == nil:
		case t.Reason == "StartError" || t.Reason == "ContainerCannotRun":
			return run.ConfigInvalid, fmt.Sprintf("container %s cannot run: %s", c.Name, fail.Clean(t.Message, 300))
		case t.ExitCode == exitBadConfig:
			return run.ConfigInvalid, fmt.Sprintf("container %s found its configuration wrong (exit code %d)", c.Name, t.ExitCode)
		case t.ExitCode != 0:
			return run.RunnerLost, fmt.Sprintf("container %s ended with exit code %d and did not say why", c.Name, t.ExitCode)
		}
	}
	return "", ""
}

// late explains a pod whose runner has not reported in time.
func late(pod *corev1.Pod, limit time.Duration) (run.Reason, string) {
	if pod == nil {
		return run.Unschedulable, fmt.Sprintf("the cluster has made no pod for its Job within %v", limit)
	}
	if reason, why := ousted(pod); reason != "" {
		return reason, why
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return run.Unschedulable, fmt.Sprintf("no node took the pod within %v: %s", limit, say(c.Reason, c.Message))
		}
	}
	switch {
	case len(statuses(pod)) > 0:
	case pod.Spec.NodeName == "":
		return run.Unschedulable, fmt.Sprintf("no node took the pod within %v", limit)
	case !slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReadyToStartContainers }):
		return run.RunnerLost, fmt.Sprintf("the pod's node has not begun with it within %v", limit)
	}
	for _, c := range statuses(pod) {
		switch w := c.State.Waiting; {
		case w == nil:
		case slices.Contains(imageTrouble, w.Reason):
			return run.ImagePull, "the image did not come: " + say(w.Reason, w.Message)
		case slices.Contains(setupTrouble, w.Reason):
			return run.ConfigInvalid, fmt.Sprintf("container %s cannot be made: %s", c.Name, say(w.Reason, w.Message))
		}
	}
	if reason, why := exited(pod); reason != "" {
		return reason, why
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReadyToStartContainers && c.Status == corev1.ConditionFalse {
			return run.RunnerLost, fmt.Sprintf("the pod's volumes and network did not get ready within %v", limit)
		}
	}
	for _, c := range statuses(pod) {
		if c.State.Running != nil {
			return run.RunnerLost, fmt.Sprintf("container %s is running, but its runner has not reported within %v", c.Name, limit)
		}
	}
	return run.ImagePull, fmt.Sprintf("no container of the pod has started within %v: its image is still on its way", limit)
}

// statuses are those of all containers, in the order that they start.
func statuses(pod *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
}

// say is what the cluster says, fit for a message.
func say(reason, message string) string {
	reason, message = fail.Clean(reason, 60), fail.Clean(message, 300)
	switch {
	case message == "":
		return reason
	case reason == "":
		return message
	}
	return reason + ": " + message
}
