package verify

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Overview is every lane of a project on one screen. Like Status it judges nothing. A
// lane of which nothing could be seen is in it, with the reasons.
type Overview struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Project    string   `json:"project"`
	Lanes      []Status `json:"lanes"` // the oldest version first
}

// OverviewOf is the overview of lanes that were looked at.
func OverviewOf(project string, lanes []Status) Overview {
	return Overview{APIVersion: APIVersion, Kind: "StatusList", Project: project, Lanes: lanes}
}

// Text writes the overview for people: a line and a short block for each lane.
func (v Overview) Text(w io.Writer) error {
	var b strings.Builder
	if len(v.Lanes) == 0 {
		fmt.Fprintf(&b, "%s has no lane: its remote has no branch of one\n", v.Project)
	}
	for _, s := range v.Lanes {
		s.block(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// block is one lane of the overview.
func (s Status) block(b *strings.Builder) {
	line := []string{fmt.Sprintf("released %.12s", cmp.Or(s.SourceCommitID, "unknown")), "Application unknown", "drift unknown"}
	if a := s.Application; a != nil {
		line[1] = cmp.Or(clean(a.Sync), "Unknown") + ", " + cmp.Or(clean(a.Health), "Unknown")
	}
	if s.Drift != nil {
		line[2] = fmt.Sprintf("drift %d", *s.Drift)
	}
	fmt.Fprintf(b, "%s: %s\n", s.Lane, strings.Join(line, "; "))
	at, _ := time.Parse(time.RFC3339, s.At)
	tw := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, svc := range s.Services {
		fmt.Fprintf(tw, "  %s\t%s\n", svc.ServiceID, svc.row(at))
	}
	_ = tw.Flush() // to memory
	for _, r := range s.Running {
		fmt.Fprintf(b, "  running: %s\n", short(clean(r)))
	}
	if s.Hold != "" {
		fmt.Fprintf(b, "  %s\n", s.Hold)
	}
	for _, x := range s.Hotfixes {
		fmt.Fprintf(b, "  %s\n", x)
	}
	for _, reason := range s.reasons() {
		fmt.Fprintf(b, "  not seen: %s\n", reason)
	}
}

// maxReasons bounds the block of a lane of which nothing can be seen.
const maxReasons = 4

// reasons are what was not seen, each reason once with all that it keeps from sight.
func (s Status) reasons() []string {
	var order []string
	what := map[string][]string{}
	for _, u := range s.Unseen {
		name, why, _ := strings.Cut(u, ": ")
		if what[why] == nil {
			order = append(order, why)
		}
		what[why] = append(what[why], name)
	}
	var all []string
	for i, why := range order {
		if i == maxReasons && len(order) > maxReasons+1 {
			return append(all, fmt.Sprintf("and %d more reasons, which lane status -o json has", len(order)-i))
		}
		all = append(all, list(what[why], 4)+": "+why)
	}
	return all
}
