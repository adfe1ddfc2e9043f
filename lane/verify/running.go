package verify

import (
	"fmt"
	"strings"

	"github.com/pikasTech/agentrun/lane/intent"
)

// workloads is what rule I8 looks at.
type workloads struct {
	pods, jobs, services, slices []Object
}

// running is rule I8.
func (j *judge) running(o *opinion) {
	w, seen := j.workloads(o)
	if _, ok := j.gitops(o); !ok || !seen {
		j.told(o)
		return
	}
	asleep := map[string]bool{} // declared Deployments without pods
	for _, m := range j.declared("Deployment") {
		j.deployment(o, m)
		asleep[m.Name()] = j.replicas(m) == 0
	}
	behind := map[string][]Object{} // slices by their Service
	for _, s := range w.slices {
		service := s.Label("kubernetes.io/service-name")
		behind[service] = append(behind[service], s)
	}
	services := map[string]bool{}
	for _, s := range w.services {
		services[s.Name()] = true
	}
	for _, p := range w.pods {
		j.pod(o, p)
	}
	for _, m := range j.declared("Service") {
		switch {
		case !services[m.Name()]:
			o.against(m.ID(), "it is not there")
		case !asleep[m.Text("spec", "selector", nameLabel)]:
			endpoints(o, m, behind[m.Name()])
		}
	}
	for _, job := range w.jobs {
		if c, failed := job.Condition("Failed"); failed && c.Text("status") == "True" {
			o.note(job.ID(), "the run failed: %s %s", c.Text("reason"), hidden(c.Text("message")))
		}
	}
	j.told(o)
}

func (j *judge) workloads(o *opinion) (w workloads, ok bool) {
	ok = true
	for _, k := range []struct {
		group, kind string
		into        *[]Object
	}{
		{"apps", "Deployment", nil}, // these two are looked up by name
		{"apps", "ReplicaSet", nil},
		{"", "Pod", &w.pods},
		{"batch", "Job", &w.jobs},
		{"", "Service", &w.services},
		{"discovery.k8s.io", "EndpointSlice", &w.slices},
	} {
		objects, seen := j.objects(o, k.group, k.kind)
		if ok = ok && seen; k.into != nil {
			*k.into = objects
		}
	}
	return w, ok
}

// deployment looks at whether all pods of a declared Deployment are ready and new.
func (j *judge) deployment(o *opinion, m manifest) {
	d, there := j.live[m.identity()]
	if !there {
		o.against(m.ID(), "it is not there")
		return
	}
	if d.Number("status", "observedGeneration") < d.Number("metadata", "generation") {
		o.against(m.ID(), "its latest spec has not been acted on yet")
	}
	wanted := j.replicas(m)
	for _, field := range []string{"replicas", "updatedReplicas", "readyReplicas", "availableReplicas"} {
		got := d.Number("status", field)
		value, want := fmt.Sprintf("%d/%d", got, wanted), fmt.Sprintf("%d/%d", wanted, wanted)
		switch {
		case got != wanted:
			o.differ(m.ID(), "status."+field, value, want)
		case field == "readyReplicas":
			o.match(m.ID(), "status."+field, value)
		}
	}
}

// replicas is how many pods a declared Deployment should have: as many as the branch
// says, or as the live record of a hotfix lets be.
func (j *judge) replicas(d manifest) int64 {
	live, there := j.live[d.identity()]
	if _, recorded := j.record(d.Object, "spec.replicas"); recorded && there {
		return replicas(live)
	}
	return replicas(d.Object)
}

// replicas is how many pods a Deployment asks for.
func replicas(d Object) int64 {
	if d.At("spec", "replicas") == nil {
		return 1
	}
	return d.Number("spec", "replicas")
}

// pod looks at one pod: whose it is, whether it is ready, and what it runs.
func (j *judge) pod(o *opinion, p Object) {
	if _, run := j.service(p, intent.JobTemplate); run {
		j.stuck(o, p)
		j.containers(o, p, true)
		return
	}
	if phase := p.Text("status", "phase"); phase == "Failed" || phase == "Succeeded" {
		o.note(p.ID(), "an ended pod that nobody has removed yet: %s %s", p.Text("status", "reason"), hidden(p.Text("status", "message")))
		return
	}
	if p.Deleting() {
		o.against(p.ID(), "it is being deleted: the rollout is not done")
		return
	}
	if owner, ok := p.Controller(); ok && owner.Kind() == "ReplicaSet" {
		rs := j.live["apps/ReplicaSet/"+owner.Text("name")]
		up, _ := rs.Controller()
		d := j.live["apps/Deployment/"+up.Text("name")]
		if is, want := revision(rs), revision(d); is != want {
			o.against(p.ID(), "it belongs to %s of revision %s, and the Deployment is at %s: the rollout is not done", rs.Name(), is, want)
			return
		}
	}
	if c, ok := p.Condition("Ready"); !ok || c.Text("status") != "True" {
		o.against(p.ID(), "it is not ready: %s", j.whyNot(p))
	}
	j.containers(o, p, false)
}

const revisionAnnotation = "deployment.kubernetes.io/revision"

func revision(o Object) string { return o.Text("metadata", "annotations", revisionAnnotation) }

// statuses are the states of all containers of a pod.
func statuses(p Object) []Object {
	return append(p.Items("status", "initContainerStatuses"), p.Items("status", "containerStatuses")...)
}

// whyNot is what a pod waits for.
func (j *judge) whyNot(p Object) string {
	var why []string
	if c, ok := p.Condition("PodScheduled"); ok && c.Text("status") != "True" {
		why = append(why, c.Text("reason")+": "+c.Text("message"))
	}
	for _, s := range statuses(p) {
		if wait := s.Map("state", "waiting"); wait.Text("reason") != "" && wait.Text("reason") != "PodInitializing" {
			why = append(why, s.Text("name")+": "+wait.Text("reason")+" "+hidden(wait.Text("message")))
		} else if end := s.Map("state", "terminated"); end != nil && end.Number("exitCode") != 0 {
			why = append(why, fmt.Sprintf("%s: ended with exit code %d %s", s.Text("name"), end.Number("exitCode"), end.Text("reason")))
		}
	}
	if len(why) == 0 {
		c, _ := p.Condition("Ready")
		why = append(why, strings.TrimSpace(p.Text("status", "phase")+" "+c.Text("reason")+" "+hidden(c.Text("message"))))
	}
	return strings.Join(why, "; ")
}

// stuck says when a run's pod can never start by itself.
func (j *judge) stuck(o *opinion, p Object) {
	for _, s := range statuses(p) {
		switch reason := s.Text("state", "waiting", "reason"); reason {
		case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError", "ErrImageNeverPull":
			o.against(p.ID(), "a run cannot start: %s %s %s", s.Text("name"), reason, hidden(s.Text("state", "waiting", "message")))
		}
	}
}

// endpoints looks at whether a declared Service has somebody behind it.
func endpoints(o *opinion, m manifest, behind []Object) {
	ready := 0
	for _, s := range behind {
		for _, e := range s.Items("endpoints") {
			if e.At("conditions", "ready") != false {
				ready += max(1, len(e.Texts("addresses")))
			}
		}
	}
	if ready == 0 {
		o.differ(m.ID(), "ready endpoints", "0", "at least 1")
		return
	}
	o.match(m.ID(), "ready endpoints", fmt.Sprint(ready))
}

// told repeats warnings and the last words of containers that ended.
func (j *judge) told(o *opinion) {
	if !j.Live.Events.Found {
		o.cannot("Events", j.Live.Events.Gap)
	}
	if !j.Live.Logs.Found {
		o.cannot("logs of terminated containers", j.Live.Logs.Gap)
	}
	for _, e := range j.Live.Events.Value {
		o.note(e.Object, "warning, %d times, last at %s: %s: %s", e.Count, e.Last.UTC().Format("15:04:05"), e.Reason, e.Message)
	}
	for _, l := range j.Live.Logs.Value {
		o.note("Pod "+l.Pod, "%s ended with exit code %d %s", l.Container, l.ExitCode, l.Reason)
		for _, line := range l.Lines {
			o.note("Pod "+l.Pod, "%s: %s", l.Container, line)
		}
		if l.Why != "" {
			o.note("Pod "+l.Pod, "%s: its log is not there: %s", l.Container, l.Why)
		}
	}
}
