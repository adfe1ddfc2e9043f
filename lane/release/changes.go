package release

import "strings"

// Change is something that became different between two looks at a run.
type Change struct {
	Task   string `json:"task,omitempty"` // "" is the run itself
	State  State  `json:"state"`
	Step   string `json:"step,omitempty"`
	Pod    string `json:"pod,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Message is told for what went wrong: elsewhere it only repeats the state, or
	// counts the containers that start.
	Message string `json:"message,omitempty"`
}

// Changes are what is different in after. Without a before, it is everything that
// has begun.
func Changes(before, after *Progress) []Change {
	old := map[string]Change{}
	if before != nil {
		old[""] = ofRun(before)
		for _, t := range before.Tasks {
			old[t.Name] = ofTask(t)
		}
	}
	var out []Change
	for _, t := range after.Tasks {
		c := ofTask(t)
		was, known := old[t.Name]
		if !known && t.State == Waiting && t.TaskRun == "" {
			continue
		}
		if was != c {
			out = append(out, c)
		}
	}
	if c := ofRun(after); old[""] != c {
		out = append(out, c)
	}
	return out
}

// ofRun leaves out the counting message that Tekton gives a run while it goes on.
func ofRun(p *Progress) Change {
	c := Change{State: p.State, Reason: p.Reason}
	if p.State == Failed || p.State == Waiting {
		c.Message = p.Message
	}
	return c
}

func ofTask(t Task) Change {
	c := Change{Task: t.Name, State: t.State, Step: t.Step, Pod: t.Pod, Reason: t.Reason}
	if t.State == Failed || t.State == Waiting && t.stuck() {
		c.Message = t.Message
	}
	return c
}

// stuck reports whether a task waits for something else than the start of its
// containers.
func (t Task) stuck() bool {
	switch t.Reason {
	case "", "Started", "Pending":
		return strings.Contains(t.Message, `"PodScheduled":"False"`)
	}
	return true
}
