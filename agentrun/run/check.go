package run

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Flaw is what is wrong with one field of a document.
type Flaw struct {
	Field string // as in the JSON: "prompt", "labels.team", "events[3].type"
	Why   string // continues "it "
}

type flaws []Flaw

func (f *flaws) need(ok bool, field, format string, args ...any) {
	if !ok {
		*f = append(*f, Flaw{field, fmt.Sprintf(format, args...)})
	}
}

var (
	namePattern     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	eventPattern    = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$`)
	artifactPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	wordPattern     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$`)
)

// IsName reports whether s may name a project or a profile: a DNS label.
func IsName(s string) bool { return namePattern.MatchString(s) }

// IsArtifactName reports whether s may name an artifact: letters, digits, '.', '_'
// and '-', not beginning with a sign, up to 128.
func IsArtifactName(s string) bool { return artifactPattern.MatchString(s) }

// Check names everything that is wrong with r.
func (r Request) Check() []Flaw {
	var f flaws
	f.need(strings.TrimSpace(r.Prompt) != "", "prompt", "is blank")
	f.need(utf8.ValidString(r.Prompt), "prompt", "is not UTF-8")
	f.need(len(r.Prompt) <= MaxPromptBytes, "prompt", "has %d bytes, more than %d", len(r.Prompt), MaxPromptBytes)
	f.need(r.Profile == "" || IsName(r.Profile), "profile", "is not a name")
	f.labels(r.Labels)
	f.need(r.Priority >= -100 && r.Priority <= 100, "priority", "is not between -100 and 100")
	f.need(r.MaxAttempts >= 0 && r.MaxAttempts <= MaxAttempts, "maxAttempts", "is not between 1 and %d", MaxAttempts)
	f.need(r.Deadline >= 0 && r.Deadline <= MaxDeadlineSeconds, "deadlineSeconds", "is not between 1 and %d", MaxDeadlineSeconds)
	return f
}

func (f *flaws) labels(labels map[string]string) {
	f.need(len(labels) <= MaxLabels, "labels", "has %d entries, more than %d", len(labels), MaxLabels)
	for key, value := range labels {
		if len(validation.IsQualifiedName(key)) > 0 {
			f.need(false, "labels", "has a key that is none in Kubernetes")
		} else {
			f.need(len(validation.IsValidLabelValue(value)) == 0, "labels."+key, "is not a label's value in Kubernetes")
		}
	}
}

// IsLabel reports whether key and value may stand in a run's labels.
func IsLabel(key, value string) bool {
	return len(validation.IsQualifiedName(key)) == 0 && len(validation.IsValidLabelValue(value)) == 0
}

// Check names everything that is wrong with p.
func (p Profile) Check() []Flaw {
	var f flaws
	f.need(IsName(p.Name), "name", "is not a name")
	f.need(p.Model == "" || wordPattern.MatchString(p.Model), "model", "is not a word")
	f.need(p.Effort == "" || wordPattern.MatchString(p.Effort), "effort", "is not a word")
	f.need(slices.Contains([]string{"never", "on-request", "untrusted"}, p.ApprovalPolicy), "approvalPolicy", "is not never, on-request or untrusted")
	f.need(slices.Contains([]Decision{Accept, Decline, Fail}, p.Approvals), "approvals", "is not accept, decline or fail")
	f.need(slices.Contains([]string{"danger-full-access", "workspace-write", "read-only"}, p.Sandbox), "sandbox", "is not danger-full-access, workspace-write or read-only")
	f.need(p.DeadlineSeconds >= 1 && p.DeadlineSeconds <= MaxDeadlineSeconds, "deadlineSeconds", "is not between 1 and %d", MaxDeadlineSeconds)
	f.need(p.StallSeconds >= 1 && p.StallSeconds <= MaxDeadlineSeconds, "stallSeconds", "is not between 1 and %d", MaxDeadlineSeconds)
	f.need(p.MaxAttempts >= 1 && p.MaxAttempts <= MaxAttempts, "maxAttempts", "is not between 1 and %d", MaxAttempts)
	return f
}

// Check names everything that is wrong with r. Types of events that this version
// does not know are no flaw: a runner may be newer than its manager.
func (r Report) Check() []Flaw {
	var f flaws
	f.need(r.First >= 1, "first", "is less than 1")
	f.need(len(r.Events) > 0 && len(r.Events) <= MaxReportEvents, "events", "has %d entries, not between 1 and %d", len(r.Events), MaxReportEvents)
	for i, e := range r.Events {
		if why := e.flaw(); why != "" {
			f.need(false, fmt.Sprintf("events[%d]", i), "%s", why)
			break // the rest is most likely wrong in the same way
		}
	}
	return f
}

func (e RunnerEvent) flaw() string {
	switch {
	case len(e.Type) > 64 || !eventPattern.MatchString(string(e.Type)):
		return "has a type that is no event's"
	case e.Type == StateChanged || e.Type == ArtifactStored:
		return "has a type that the manager alone writes"
	case len(e.Data) > MaxEventBytes:
		return fmt.Sprintf("has %d bytes of data, more than %d", len(e.Data), MaxEventBytes)
	case len(e.Data) == 0 || e.Data[0] != '{':
		return "has data that is not an object"
	case !plausible(e.Time):
		return "has a time that no clock shows"
	}
	return ""
}

func plausible(t time.Time) bool { return t.Year() >= 1970 && t.Year() < 10000 }

// Check names everything that is wrong with e.
func (e Ending) Check() []Flaw {
	var f flaws
	f.need(e.State.Terminal(), "state", "is not a terminal state")
	if e.State == Failed {
		f.need(slices.Contains(Reasons[:], e.Reason), "reason", "is not a reason")
	} else {
		f.need(e.Reason == "", "reason", "is for what has failed")
	}
	f.need(e.DurationMS >= 0, "durationMs", "is negative")
	return f
}
