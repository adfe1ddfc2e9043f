package verify

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/pipeline"
)

// Status is a lane on one screen. It judges nothing: what it does not know it
// leaves out and names in Unseen.
type Status struct {
	APIVersion     string          `json:"apiVersion"`
	Kind           string          `json:"kind"`
	Project        string          `json:"project"`
	Lane           string          `json:"lane"`
	At             string          `json:"at"`
	SourceCommitID string          `json:"sourceCommitId,omitempty"` // released
	GitopsCommitID string          `json:"gitopsCommitId,omitempty"` // head of the branch
	SourceHead     string          `json:"sourceHead,omitempty"`     // head of the source branch
	Services       []ServiceStatus `json:"services"`
	Application    *AppStatus      `json:"application,omitempty"`
	Running        []string        `json:"running"`            // PipelineRuns that have not ended
	Hold           string          `json:"hold,omitempty"`     // who holds the lane, or did
	Hotfixes       []string        `json:"hotfixes,omitempty"` // the records, live and expired
	Drift          *int            `json:"drift,omitempty"`
	Unseen         []string        `json:"unseen"`
}

// ServiceStatus is one service of the catalog and its live pods.
type ServiceStatus struct {
	ServiceID string   `json:"serviceId"`
	Kind      string   `json:"kind"`
	Commit    string   `json:"sourceCommitId"` // that its image was built from
	Digest    string   `json:"digest"`         // the catalog's
	Live      []string `json:"live"`           // digests that pods run
	Ready     int64    `json:"ready"`          // pods, or for a job template runs that go on
	Wanted    int64    `json:"wanted"`
	Since     string   `json:"since,omitempty"` // when the newest pod was made
}

// AppStatus is what Argo CD says.
type AppStatus struct {
	Sync     string `json:"sync"`
	Health   string `json:"health"`
	Revision string `json:"revision"`
}

// StatusOf is the status that the evidence shows.
func StatusOf(e Evidence) Status {
	j := newJudge(e)
	s := Status{
		APIVersion: APIVersion, Kind: "Status", Project: e.Names.Project, Lane: e.Names.Lane, At: e.At.UTC().Format(time.RFC3339),
		SourceHead: e.Source.Head.Value, Services: []ServiceStatus{}, Running: []string{}, Unseen: []string{},
	}
	miss := func(what string, g Gap) { s.Unseen = append(s.Unseen, clean(hidden(what+": "+g.Why))) }
	if j.Gitops.Found {
		s.GitopsCommitID, s.SourceCommitID = j.Gitops.Value.Commit, j.Gitops.Value.Catalog.SourceCommitID
		x := j.statusIndex()
		for _, svc := range j.Gitops.Value.Catalog.Services {
			s.Services = append(s.Services, x.of(svc))
		}
		s.Hold, s.Hotfixes = j.recordStatus()
		if !j.Release.Intent.Found {
			miss("released intent", j.Release.Intent.Gap)
		}
	} else {
		miss("GitOps branch", j.Gitops.Gap)
	}
	if app := e.Argo.Application; app.Found {
		a := app.Value
		s.Application = &AppStatus{a.Text("status", "sync", "status"), a.Text("status", "health", "status"), a.Text("status", "sync", "revision")}
	} else {
		miss("Application", app.Gap)
	}
	for _, r := range e.Tekton.Runs.Value {
		if c, _ := r.Condition("Succeeded"); c.Text("status") != "True" && c.Text("status") != "False" {
			s.Running = append(s.Running, r.Name()+" of "+r.Label(pipeline.LabelCommit))
		}
	}
	if project := e.Argo.AppProject; !project.Found {
		miss("AppProject", project.Gap)
	}
	if !e.Tekton.Runs.Found {
		miss("PipelineRuns", e.Tekton.Runs.Gap)
	}
	if !e.Source.Head.Found {
		miss("source branch", e.Source.Head.Gap)
	}
	for _, l := range e.Live.Lists {
		if !l.Objects.Found && !l.MetadataOnly {
			miss(plurals(l.Kind), l.Objects.Gap)
		}
	}
	switch {
	case e.Steady.Found:
		s.Drift = e.Steady.Value.Drift
	case e.Steady.Gap.Cause == Unasked:
		s.Drift = j.drifted()
	case j.Gitops.Found:
		miss("manifests", e.Steady.Gap)
	}
	return s
}

// recordStatus is the lane's metadata in words.
func (j *judge) recordStatus() (hold string, hotfixes []string) {
	if h := j.records.Hold; h != nil {
		if hold = h.String(); !h.Live(j.At) {
			hold = "no longer " + hold
		}
	}
	for i := range j.records.Hotfixes {
		x := &j.records.Hotfixes[i]
		text := x.String()
		if !x.Live(j.At) {
			text = "expired: " + text
		}
		hotfixes = append(hotfixes, text)
	}
	for _, problem := range j.records.Problems {
		hotfixes = append(hotfixes, clean(problem.Error()))
	}
	return hold, hotfixes
}

// drifted counts what is live another than it should be, as far as that was seen; nil when
// nothing was found and not all was seen.
// Which writers and runs are the lane's own only the released intent says.
func (j *judge) drifted() *int {
	if !j.Release.Intent.Found {
		return nil
	}
	n := 0
	for _, judge := range []func(*judge, *opinion){(*judge).drift, (*judge).managers} {
		o := &opinion{}
		judge(j, o)
		if o.state() == Unknown {
			return nil
		}
		for _, ob := range o.seen {
			if ob.State == Contradicted {
				n++
			}
		}
	}
	return &n
}

// statusIndex is what the services' statuses rest on, by service: with a thousand of
// them nothing may be looked for once more for each.
type statusIndex struct {
	kind   map[string]string
	wanted map[string]int64
	pods   map[string][]Object
}

func (j *judge) statusIndex() statusIndex {
	x := statusIndex{map[string]string{}, map[string]int64{}, map[string][]Object{}}
	for _, in := range j.intent().EnabledServices() {
		x.kind[in.ID] = in.Kind
	}
	if j.Steady.Gap.Cause != Unasked || j.Steady.Found {
		x.wanted = j.intended()
		maps.Copy(x.wanted, j.Steady.Value.Pods)
	}
	for _, d := range j.declared("Deployment") {
		x.wanted[d.Name()] = replicas(d.Object)
	}
	for _, obj := range j.live {
		if obj.Kind() == "Pod" && obj.Text("status", "phase") != "Succeeded" {
			name := obj.Label(nameLabel)
			x.pods[name] = append(x.pods[name], obj)
		}
	}
	return x
}

func (x statusIndex) of(svc catalog.Service) ServiceStatus {
	s := ServiceStatus{
		ServiceID: svc.ServiceID, Kind: x.kind[svc.ServiceID], Commit: svc.SourceCommitID, Digest: svc.Image.Digest,
		Live: []string{}, Wanted: x.wanted[svc.ServiceID],
	}
	var newest time.Time
	for _, obj := range x.pods[svc.ServiceID] {
		if obj.Created().After(newest) {
			newest = obj.Created()
		}
		if c, ok := obj.Condition("Ready"); ok && c.Text("status") == "True" {
			s.Ready++
		}
		for _, c := range containersOf(obj) {
			if d := ParseReference(c.status.Text("imageID")).Digest; d != "" && c.pinned.Repository == svc.Image.Repository && !slices.Contains(s.Live, d) {
				s.Live = append(s.Live, d)
			}
		}
	}
	slices.Sort(s.Live)
	if !newest.IsZero() {
		s.Since = newest.UTC().Format(time.RFC3339)
	}
	return s
}

// Text writes the status for people.
func (s Status) Text(w io.Writer) error {
	var b strings.Builder
	or := func(v, other string) string {
		if v == "" {
			return other
		}
		return v
	}
	fmt.Fprintf(&b, "%s %s: released %.12s", s.Project, s.Lane, or(s.SourceCommitID, "unknown"))
	switch {
	case s.SourceHead == s.SourceCommitID && s.SourceHead != "":
		b.WriteString(", the head of the source branch")
	case s.SourceHead != "":
		fmt.Fprintf(&b, ", the source branch is at %.12s", s.SourceHead)
	}
	fmt.Fprintf(&b, "\nGitOps branch at %.12s\n", or(s.GitopsCommitID, "unknown"))
	if a := s.Application; a != nil {
		fmt.Fprintf(&b, "Application %s, %s, at %.12s\n", or(clean(a.Sync), "Unknown"), or(clean(a.Health), "Unknown"), or(clean(a.Revision), "nothing"))
	}
	b.WriteString("\n")
	at, _ := time.Parse(time.RFC3339, s.At)
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, svc := range s.Services {
		fmt.Fprintf(tw, "%s\t%s\t%s\n", svc.ServiceID, short(svc.Digest), svc.row(at))
	}
	_ = tw.Flush() // to memory
	for _, r := range s.Running {
		fmt.Fprintf(&b, "running: %s\n", short(clean(r)))
	}
	if s.Hold != "" {
		fmt.Fprintln(&b, s.Hold)
	}
	for _, x := range s.Hotfixes {
		fmt.Fprintln(&b, x)
	}
	if s.Drift == nil {
		b.WriteString("drift: unknown\n")
	} else {
		fmt.Fprintf(&b, "drift: %d\n", *s.Drift)
	}
	for _, u := range s.Unseen {
		fmt.Fprintf(&b, "not seen: %s\n", u)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// row is what runs of a service, in columns.
func (svc ServiceStatus) row(at time.Time) string {
	state, age := "nothing runs", ""
	if len(svc.Live) > 0 {
		state = "as the catalog"
		if len(svc.Live) > 1 || svc.Live[0] != svc.Digest {
			state = "runs " + short(strings.Join(svc.Live, ", "))
		}
	}
	if since, err := time.Parse(time.RFC3339, svc.Since); err == nil {
		age = at.Sub(since).Round(time.Second).String()
	}
	ready := fmt.Sprintf("%d/%d ready", svc.Ready, svc.Wanted)
	if svc.Kind == intent.JobTemplate {
		if ready = plural(int(svc.Ready), "run"); len(svc.Live) == 0 {
			state = "-" // it runs when somebody needs it
		}
	}
	return fmt.Sprintf("%s\tof %.12s\t%s\t%s", ready, svc.Commit, state, age)
}

func short(s string) string { return hex.ReplaceAllString(s, "$1") }
