package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pikasTech/agentrun/lab/lanes"
)

// figure is one measured duration. Those of a release have a split.
type figure struct {
	what  string
	took  time.Duration
	split map[string]time.Duration
	pods  int
}

// parts are what the time of a release goes to, in their order. The plan runs
// beside the check and is not in the way.
var parts = []string{"pods", "fetch", "compile", "check", "(plan)", "publish", "promote", "sync", "rollout", "rest"}

func (s *site) note(what string, took time.Duration) {
	s.taken = append(s.taken, figure{what: what, took: took})
}

func (s *site) verified(v *lanes.Verdict) { s.note("verify", v.Took) }

func (s *site) figures() figures { return s.taken }

type figures []figure

// print prints the medians of what was measured.
func (all figures) print(w io.Writer) {
	if len(all) == 0 {
		return
	}
	groups := map[string]figures{}
	var order []string
	for _, f := range all {
		if groups[f.what] == nil {
			order = append(order, f.what)
		}
		groups[f.what] = append(groups[f.what], f)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(tw, "\nmedians, s\ttimes\tall\t%s\tpods\t\n", strings.Join(parts, "\t"))
	for _, what := range order {
		group := groups[what]
		fmt.Fprintf(tw, "%s\t%d\t%s\t", what, len(group), seconds(group.median(func(f figure) time.Duration { return f.took })))
		if group[0].split != nil {
			for _, part := range parts {
				fmt.Fprintf(tw, "%s\t", seconds(group.median(func(f figure) time.Duration { return f.split[part] })))
			}
			fmt.Fprintf(tw, "%d\t", group[len(group)-1].pods)
		} else {
			fmt.Fprint(tw, strings.Repeat("\t", len(parts)+1))
		}
		fmt.Fprintln(tw)
	}
	_ = tw.Flush()
	if status, err := here.lab.Status(context.Background()); err == nil {
		fmt.Fprintf(w, "memory of the lab's daemons: %d MB\n", status.Memory>>20)
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }

func (all figures) median(of func(figure) time.Duration) time.Duration {
	values := make([]time.Duration, len(all))
	for i, f := range all {
		values[i] = of(f)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// taskRun is what is read of a TaskRun.
type taskRun struct {
	Metadata struct {
		Name    string            `json:"name"`
		Created time.Time         `json:"creationTimestamp"`
		Labels  map[string]string `json:"labels"`
	} `json:"metadata"`
	Status struct {
		Completion time.Time `json:"completionTime"`
		Retries    []any     `json:"retriesStatus"`
		Steps      []struct {
			Name       string    `json:"name"`
			Running    *struct{} `json:"running"`
			Terminated struct {
				Started  time.Time `json:"startedAt"`
				Finished time.Time `json:"finishedAt"`
			} `json:"terminated"`
		} `json:"steps"`
	} `json:"status"`
}

func (r taskRun) task() string { return r.Metadata.Labels["tekton.dev/pipelineTask"] }

// measure takes a release apart by what Tekton and Argo CD wrote down, which is in
// whole seconds.
func (s *stage) measure(ctx context.Context, as string, r *lanes.Release) error {
	ended := time.Now()
	var runs struct {
		Items []taskRun `json:"items"`
	}
	var app struct {
		Status struct {
			OperationState struct {
				Finished time.Time `json:"finishedAt"`
				Result   struct {
					Revision string `json:"revision"`
				} `json:"syncResult"`
			} `json:"operationState"`
		} `json:"status"`
	}
	for _, question := range []struct {
		into any
		args []string
	}{
		{&runs, []string{"-n", s.Names.TektonNamespace, "get", "taskruns", "-l", "tekton.dev/pipelineRun=" + r.Run.Name}},
		{&app, []string{"-n", s.Names.ArgoNamespace, "get", "application", s.Names.ArgoApplication}},
	} {
		out, err := s.Lab.Kubectl(ctx, "", append(question.args, "-o", "json")...)
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(out), question.into); err != nil {
			return err
		}
	}
	split := map[string]time.Duration{}
	slices.SortFunc(runs.Items, func(a, b taskRun) int { return a.Metadata.Created.Compare(b.Metadata.Created) })
	for _, run := range runs.Items {
		steps := run.Status.Steps
		if len(steps) == 0 {
			continue
		}
		in := steps[len(steps)-1].Terminated.Finished.Sub(steps[0].Terminated.Started)
		if run.task() == "plan" {
			split["(plan)"] = in
			continue
		}
		split["pods"] += steps[0].Terminated.Started.Sub(run.Metadata.Created) + run.Status.Completion.Sub(steps[len(steps)-1].Terminated.Finished)
		if run.task() != "prepare-source" {
			split[run.task()] = in
			continue
		}
		for _, step := range steps {
			part := strings.TrimSuffix(step.Name, "-lane")
			split[part] = step.Terminated.Finished.Sub(step.Terminated.Started)
		}
	}
	if synced := app.Status.OperationState; synced.Result.Revision == r.Run.Gitops {
		split["sync"] = max(0, synced.Finished.Sub(r.Run.Ended))
		split["rollout"] = ended.Sub(latest(synced.Finished, r.Run.Ended))
	} else {
		split["sync"] = ended.Sub(r.Run.Ended)
	}
	split["rest"] = r.Took
	for _, part := range parts {
		if part != "(plan)" && part != "rest" {
			split["rest"] -= split[part]
		}
	}
	here.taken = append(here.taken, figure{what: as, took: r.Took, split: split, pods: len(runs.Items)})
	return nil
}

func latest(a, b time.Time) time.Time {
	if cmp.Compare(a.UnixNano(), b.UnixNano()) > 0 {
		return a
	}
	return b
}
