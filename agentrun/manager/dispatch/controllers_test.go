package dispatch

import (
	"maps"
	"strings"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// The cluster's own part: Jobs get pods, pods get on, what is deleted goes.

type object = map[string]any

// with is an object with another status.
func with(obj object, status object) object {
	out := object{}
	maps.Copy(out, obj)
	out["status"] = status
	return out
}

func (w *world) named(resource, name string) object {
	for _, obj := range w.cluster.All(resource) {
		if field(obj, "metadata", "name") == name {
			return obj
		}
	}
	return nil
}

// givePod makes the pod of a Job, as the Job controller does.
func (w *world) givePod(job object, status object) object {
	name := field(job, "metadata", "name") + "-abcde"
	meta := job["metadata"].(map[string]any)
	pod := object{"apiVersion": "v1", "kind": "Pod", "metadata": object{
		"name": name, "namespace": testNamespace, "uid": "pod-of-" + field(job, "metadata", "uid"), "labels": meta["labels"],
		"ownerReferences": []any{object{"apiVersion": "batch/v1", "kind": "Job", "name": field(job, "metadata", "name"), "uid": field(job, "metadata", "uid"), "controller": true}},
	}, "spec": object{"nodeName": "n"}, "status": status}
	w.cluster.Put("pods", pod)
	return pod
}

func (w *world) jobEnds(job object, kind, reason string) {
	w.cluster.Put("jobs", with(job, object{"conditions": []any{object{"type": kind, "status": "True", "reason": reason}}}))
}

// collect finishes what is being deleted, as the garbage collector does.
func (w *world) collect() {
	for _, job := range w.cluster.All("jobs") {
		if field(job, "metadata", "deletionTimestamp") != "" {
			w.vanish(job)
		}
	}
}

// vanish takes a Job and its pods away at once.
func (w *world) vanish(job object) {
	w.cluster.Drop("pods", field(job, "metadata", "name")+"-abcde")
	w.cluster.Drop("jobs", field(job, "metadata", "name"))
}

// What a pod may be like.
var (
	podPulling = object{"phase": "Pending", "containerStatuses": []any{object{"name": "import", "state": object{"waiting": object{"reason": "ContainerCreating"}}}}}
	podNoImage = object{"phase": "Pending", "containerStatuses": []any{object{"name": "import", "state": object{"waiting": object{"reason": "ImagePullBackOff", "message": "Back-off"}}}}}
	podNoNode  = object{"phase": "Pending", "conditions": []any{object{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}}}
	podRunning = object{"phase": "Running", "containerStatuses": []any{object{"name": "import", "state": object{"running": object{}}}}}
	podOOM     = object{"phase": "Failed", "containerStatuses": []any{object{"name": "import", "state": object{"terminated": object{"exitCode": 137, "reason": "OOMKilled"}}}}}
	podEvicted = object{"phase": "Failed", "reason": "Evicted", "message": "the node was low on memory"}
	podDied    = object{"phase": "Failed", "containerStatuses": []any{object{"name": "import", "state": object{"terminated": object{"exitCode": 137, "reason": "Error"}}}}}
	podDone    = object{"phase": "Succeeded", "containerStatuses": []any{object{"name": "import", "state": object{"terminated": object{"exitCode": 0, "reason": "Completed"}}}}}
)

// claim is what the pod's runner does first, by way of the API: it is false when the
// attempt does not know the pod's Job.
func (w *world) claim(pod object) bool {
	w.t.Helper()
	id, attempt := w.attemptOf(pod)
	a, err := w.store.Attempt(w.ctx, id, attempt)
	if err != nil || a.JobUID == "" || "pod-of-"+a.JobUID != field(pod, "metadata", "uid") {
		return false
	}
	_, err = w.store.Claim(w.ctx, id, attempt, field(pod, "metadata", "uid"))
	return err == nil
}

func (w *world) beat(pod object) bool {
	id, attempt := w.attemptOf(pod)
	_, err := w.store.Heartbeat(w.ctx, id, attempt, field(pod, "metadata", "uid"))
	return err == nil
}

func (w *world) finish(pod object, e run.Ending) bool {
	id, attempt := w.attemptOf(pod)
	_, err := w.store.Finish(w.ctx, id, attempt, field(pod, "metadata", "uid"), e)
	return err == nil
}

func (w *world) attemptOf(obj object) (string, int) {
	w.t.Helper()
	k := key{runID: field(obj, "metadata", "labels", "agentrun.dev/run")}
	for k.attempt = 1; k.attempt <= run.MaxAttempts; k.attempt++ {
		if name, err := store.JobNameOf(k.runID, k.attempt); err == nil && strings.HasPrefix(field(obj, "metadata", "name"), name) {
			if field(obj, "metadata", "name") == name || strings.HasPrefix(field(obj, "metadata", "name"), name+"-") {
				return k.runID, k.attempt
			}
		}
	}
	w.t.Fatalf("%v is of no attempt", obj["metadata"])
	return "", 0
}
