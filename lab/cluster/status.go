package cluster

import (
	"context"
	"sync"
)

// Status is the state of the lab.
type Status struct {
	APIVersion string            `json:"apiVersion"` // lab.agentrun.dev/v1
	Kind       string            `json:"kind"`       // LabStatus
	Dir        string            `json:"dir"`
	Up         bool              `json:"up"`    // something runs
	Ready      bool              `json:"ready"` // everything does, and answers
	Memory     int64             `json:"memoryBytes"`
	Components []ComponentStatus `json:"components"`
	Cluster    []Condition       `json:"cluster"`
}

// ComponentStatus is the state of one daemon.
type ComponentStatus struct {
	Name   string `json:"name"`
	Pid    int    `json:"pid,omitempty"`
	Alive  bool   `json:"alive"`
	Ready  bool   `json:"ready"`
	Memory int64  `json:"memoryBytes"`
	Log    string `json:"log"`
	Reason string `json:"reason,omitempty"` // why it is not ready
}

// Condition is something that takes several components.
type Condition struct {
	Name   string `json:"name"`
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
}

// Status asks every component. What does not answer is in the status, not in the
// error.
func (l *Lab) Status(ctx context.Context) (Status, error) {
	table := l.table()
	components := l.components()
	s := Status{APIVersion: "lab.agentrun.dev/v1", Kind: "LabStatus", Dir: l.Dir, Ready: true}
	s.Components = make([]ComponentStatus, len(components))
	var all sync.WaitGroup
	for i, c := range components {
		p := table.Get(c.spec.Name)
		status := &s.Components[i]
		*status = ComponentStatus{Name: c.spec.Name, Alive: p.Alive(), Memory: p.RSS(), Log: table.Log(c.spec.Name)}
		switch {
		case status.Alive:
			status.Pid = p.Pid
			all.Go(func() {
				if err := l.check(ctx, c); err != nil {
					status.Reason = err.Error()
				} else {
					status.Ready = true
				}
			})
		case p.Pid != 0:
			status.Reason = "it has ended: " + lastLine(status.Log)
		default:
			status.Reason = "it is not there"
		}
	}
	all.Wait()
	for _, c := range s.Components {
		s.Up = s.Up || c.Alive
		s.Ready = s.Ready && c.Ready
		s.Memory += c.Memory
	}
	for _, condition := range []struct {
		name string
		ask  func(context.Context) error
	}{{"node is ready", l.nodeReady}, {"Tekton admits", l.admits}} {
		c := Condition{Name: condition.name, Ready: true}
		if !s.Up {
			c = Condition{Name: condition.name, Reason: "the lab is not up"}
		} else if err := condition.ask(ctx); err != nil {
			c = Condition{Name: condition.name, Reason: err.Error()}
		}
		s.Ready = s.Ready && c.Ready
		s.Cluster = append(s.Cluster, c)
	}
	return s, ctx.Err()
}
