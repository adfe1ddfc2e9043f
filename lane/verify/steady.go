package verify

import "github.com/pikasTech/agentrun/lane/intent"

// Steady is what of a status does not come from pods: the most work, and what changes
// least. From the same manifests and the same objects comes the same.
type Steady struct {
	// Drift is how much is live another than it should be; nil when that is unknown.
	Drift *int `json:"drift"`
	// Pods are how many pods of a service the branch wants, where the released intent
	// wants another number.
	Pods map[string]int64 `json:"pods,omitempty"`
}

// SteadyOf is missed when the branch was not seen.
func SteadyOf(e Evidence) Seen[Steady] {
	if !e.Gitops.Found {
		return Miss[Steady](e.Gitops.Gap)
	}
	j := newJudge(e)
	s := Steady{Drift: j.drifted(), Pods: map[string]int64{}}
	declared := map[string]int64{}
	for _, d := range j.declared("Deployment") {
		declared[d.Name()] = replicas(d.Object)
	}
	intended := j.intended()
	for _, svc := range j.Gitops.Value.Catalog.Services {
		if id := svc.ServiceID; declared[id] != intended[id] {
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
