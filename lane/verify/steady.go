package verify

import "github.com/pikasTech/agentrun/lane/intent"

// Steady is what of a status does not come from pods: the most work, and what changes
// least. From the same manifests and the same objects comes the same.
type Steady struct {
	Drift int `json:"drift"`
	// Pods are how many pods of a service the branch wants, where the released intent
	// wants another number.
	Pods map[string]int64 `json:"pods,omitempty"`
}

// SteadyOf is found when all was seen that it takes.
func SteadyOf(e Evidence) Seen[Steady] {
	j := newJudge(e)
	drift := j.drifted()
	if drift == nil {
		return Miss[Steady](Gap{Cause: Failed, Why: "not all that it takes was seen"})
	}
	s := Steady{Drift: *drift, Pods: map[string]int64{}}
	declared := map[string]int64{}
	for _, d := range j.declared("Deployment") {
		declared[d.Name()] = replicas(d.Object)
	}
	for id, n := range j.intended() {
		if declared[id] != n {
			s.Pods[id] = declared[id]
		}
	}
	return See(s)
}

// intended are how many pods the released intent wants of each service.
func (j *judge) intended() map[string]int64 {
	pods := map[string]int64{}
	for _, s := range j.intent().EnabledServices() {
		switch {
		case s.Kind != intent.Deployment:
		case s.Replicas == nil:
			pods[s.ID] = 1
		default:
			pods[s.ID] = int64(*s.Replicas)
		}
	}
	return pods
}
