package lanes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// Result is how a lane command ended.
type Result struct {
	Code  int
	Out   []byte
	Words string // what it said on stderr
	Took  time.Duration
}

// Try runs the lane command for one who wants to see how it ends. The error says
// that it could not be run.
func (l *Lane) Try(ctx context.Context, args ...string) (Result, error) {
	cmd := l.Command(ctx, args...)
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	begin := time.Now()
	err := l.Lab.Run(cmd)
	r := Result{Out: out.Bytes(), Words: words.String(), Took: time.Since(begin)}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() >= 0 {
		r.Code, err = exit.ExitCode(), nil
	}
	if err != nil {
		return r, fmt.Errorf("lane %s: %w\n%s", args[0], err, r.Words)
	}
	return r, nil
}

// Release is the document of `lane release`, and how the command ended.
type Release struct {
	Result  `json:"-"`
	Commit  string   `json:"sourceCommitId"`
	Action  string   `json:"action"`
	Run     *Run     `json:"pipelineRun"`
	Failure *Failure `json:"failure"`
}

// Run is a PipelineRun in it.
type Run struct {
	Name    string    `json:"name"`
	State   string    `json:"state"`
	Outcome string    `json:"outcome"`
	Gitops  string    `json:"gitopsCommit"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	Tasks   []Task    `json:"tasks"`
}

// Task is one of a run's tasks.
type Task struct {
	Name    string `json:"name"`
	State   string `json:"state"`
	Pod     string `json:"pod"`
	Retries int    `json:"retries"`
}

// Failure is what a run failed at.
type Failure struct {
	Task    string   `json:"task"`
	Step    string   `json:"step"`
	Message string   `json:"message"`
	Exit    int      `json:"exitCode"`
	Log     []string `json:"log"`
}

// Task is the run's task of that name; without a name when there is none.
func (r *Run) Task(name string) Task {
	if r != nil {
		for _, t := range r.Tasks {
			if t.Name == name {
				return t
			}
		}
	}
	return Task{}
}

// Release runs `lane release` for a commit. Without a document, as after a refusal,
// there is only how it ended.
func (l *Lane) Release(ctx context.Context, commit string, flags ...string) (*Release, error) {
	result, err := l.Try(ctx, append([]string{"release", "-o", "json", "--commit", commit}, flags...)...)
	if err != nil {
		return nil, err
	}
	r := &Release{Result: result}
	if len(r.Out) == 0 {
		return r, nil
	}
	if err := json.Unmarshal(r.Out, r); err != nil {
		return nil, fmt.Errorf("lane release printed no document: %w: %s", err, r.Out)
	}
	return r, nil
}

// Verdict is the document of `lane verify`, and how the command ended.
type Verdict struct {
	Result       `json:"-"`
	Commit       string `json:"sourceCommitId"`
	Gitops       string `json:"gitopsCommitId"`
	Accepted     bool   `json:"accepted"`
	Contradicted int    `json:"contradicted"`
	Unknown      int    `json:"unknown"`
	Links        []struct {
		Findings []Finding `json:"findings"`
	} `json:"links"`
}

// Finding is one rule in a verdict.
type Finding struct {
	Rule         string        `json:"rule"`
	State        string        `json:"state"`
	Observations []Observation `json:"observations"`
}

// Observation is what was seen.
type Observation struct {
	State  string `json:"state"`
	Object string `json:"object"`
	Field  string `json:"field"`
	Value  string `json:"value"`
	Wanted string `json:"wanted"`
	Note   string `json:"note"`
	Hint   string `json:"hint"`
}

func (o Observation) String() string {
	return fmt.Sprintf("%s %s %s: %s, not %s; %s; %s", o.State, o.Object, o.Field, o.Value, o.Wanted, o.Note, o.Hint)
}

// Finding is what the verdict says of a rule.
func (v *Verdict) Finding(rule string) Finding {
	for _, link := range v.Links {
		for _, f := range link.Findings {
			if f.Rule == rule {
				return f
			}
		}
	}
	return Finding{}
}

// Verify runs `lane verify`; the clone is the lane's own worktree.
func (l *Lane) Verify(ctx context.Context, flags ...string) (*Verdict, error) {
	result, err := l.Try(ctx, append([]string{"verify", "-o", "json"}, flags...)...)
	if err != nil {
		return nil, err
	}
	v := &Verdict{Result: result}
	if err := json.Unmarshal(v.Out, v); err != nil {
		return nil, fmt.Errorf("lane verify printed no document: %w: %s\n%s", err, v.Out, v.Words)
	}
	return v, nil
}
