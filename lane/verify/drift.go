package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
)

// drift is rule H3: no field of a manifest is live another, but for what the live
// record of a hotfix covers.
func (j *judge) drift(o *opinion) {
	if _, ok := j.gitops(o); !ok {
		return
	}
	same, recorded := 0, 0
	j.unreadable(o, "H3")
	for _, id := range slices.Sorted(maps.Keys(j.manifest)) {
		m := j.manifest[id]
		live, there := j.live[id]
		if !there {
			if gap, unseen := j.unseenKind(m.Object); unseen {
				o.cannot(m.ID(), gap)
			} else {
				o.against(m.ID(), "it is on the branch (%s) and not there", m.file)
			}
			continue
		}
		found := Differences(m.Object, live)
		for _, d := range found {
			if j.strays(o, m.Object, d.Path, show(d.Path, d.Live), show(d.Path, d.Wanted)) {
				recorded++
			}
		}
		if len(found) == 0 {
			same++
		}
	}
	for _, file := range j.unread {
		o.against(file, "it is no manifest")
	}
	if recorded > 0 {
		o.match("Namespace "+j.Names.RuntimeNamespace, fieldRecorded, differing(recorded))
	}
	if same > 0 {
		o.match("Namespace "+j.Names.RuntimeNamespace, "objects", fmt.Sprintf("%d of %d are as the branch has them", same, len(j.manifest)))
	}
}

// unseenKind reports whether the objects of m's kind were not seen, and why.
func (j *judge) unseenKind(m Object) (Gap, bool) {
	if m.Kind() == "Namespace" && m.Group() == "" {
		return j.Live.Namespace.Gap, !j.Live.Namespace.Found && j.Live.Namespace.Gap.Cause != Absent
	}
	l := j.lists[m.Group()+"/"+m.Kind()]
	switch {
	case l == nil:
		return Gap{}, true
	case !l.Objects.Found:
		return l.Objects.Gap, true
	}
	return Gap{}, false
}

// show is a value for people. What somebody wrote into the environment of a live
// container may be a credential, however it looks.
func show(path string, v any) string {
	switch v.(type) {
	case nil:
		return ""
	case map[string]any, []any:
		return "another structure"
	}
	if strings.Contains(path, ".env[") && strings.HasSuffix(path, ".value") {
		return "(withheld)"
	}
	s := fail.Redact(fmt.Sprint(v))
	if hidden(path+": "+s) == withheld {
		return withheld
	}
	return s
}
