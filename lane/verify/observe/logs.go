package observe

import (
	"context"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/internal/secretscan"
	"github.com/pikasTech/agentrun/lane/verify"
)

// Bounds of what is shown of logs.
const (
	maxLogs  = 8  // containers
	logLines = 10 // of each
	logScope = 60 // lines that are looked at for credentials before they are cut
)

// logs are the last words of containers that failed.
func (s *gatherer) logs(ctx context.Context) {
	if s.Kube == nil {
		return // live has said so
	}
	ends, gap, ok := s.ended()
	if !ok {
		s.evidence.Live.Logs = verify.Miss[[]verify.LogEnd](gap)
		return
	}
	var g errgroup.Group
	gaps := make([]*verify.Gap, len(ends))
	for i := range ends {
		g.Go(func() error { gaps[i] = s.log(ctx, &ends[i]); return nil })
	}
	_ = g.Wait() // what failed is in gaps
	for _, g := range gaps {
		if g != nil {
			s.evidence.Live.Logs = verify.Miss[[]verify.LogEnd](*g)
			return
		}
	}
	logs := make([]verify.LogEnd, len(ends))
	for i, e := range ends {
		logs[i] = e.LogEnd
	}
	s.evidence.Live.Logs = verify.See(logs)
}

// end is a container that ended badly.
type end struct {
	verify.LogEnd
	previous bool // it has been started again since
}

// ended are those of the namespace's pods.
func (s *gatherer) ended() (ends []end, why verify.Gap, ok bool) {
	for _, l := range s.evidence.Live.Lists {
		if l.Group != "" || l.Kind != "Pod" {
			continue
		}
		if !l.Objects.Found {
			return nil, l.Objects.Gap, false
		}
		for _, p := range l.Objects.Value {
			for _, c := range append(p.Items("status", "initContainerStatuses"), p.Items("status", "containerStatuses")...) {
				for _, state := range []string{"state", "lastState"} {
					t := c.Map(state, "terminated")
					if t == nil || t.Number("exitCode") == 0 || len(ends) >= maxLogs {
						continue
					}
					ends = append(ends, end{
						verify.LogEnd{Pod: p.Name(), Container: c.Text("name"), Reason: fail.Clean(t.Text("reason"), 80), ExitCode: int(t.Number("exitCode"))},
						state == "lastState",
					})
					break
				}
			}
		}
	}
	return ends, verify.Gap{}, true
}

// log reads one. That the kubelet has thrown a log away is told beside it; only who
// may not read logs, or cannot, has seen none.
func (s *gatherer) log(ctx context.Context, e *end) *verify.Gap {
	data, err := s.Kube.Log(ctx, s.Names.RuntimeNamespace, e.Pod, kube.LogOptions{Container: e.Container, Previous: e.previous, Lines: logScope})
	if err != nil {
		g := gap(err)
		if g.Cause == verify.Forbidden || g.Cause == verify.Unreachable {
			return &g
		}
		e.Why = g.Why
		return nil
	}
	e.Lines = lastLines(string(data))
	return nil
}

// lastLines are the last lines of a log, up to the first that looks like part of a
// credential: what follows may belong to it.
func lastLines(text string) []string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if hits := secretscan.Default().Scan("", []byte(text)); len(hits) > 0 { // in the order of their places
		first := min(hits[0].Line-1, len(lines))
		lines = append(lines[:first:first], withheld)
	}
	lines = lines[max(0, len(lines)-logLines):]
	for i, l := range lines {
		lines[i] = fail.Clean(l, 200)
	}
	return lines
}

const withheld = "(withheld from here on: it looks like a credential)"

func withoutSecrets(text string) string {
	if len(secretscan.Default().Scan("", []byte(text))) > 0 {
		return withheld
	}
	return text
}
