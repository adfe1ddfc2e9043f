package verify

import (
	"encoding/json"
	"fmt"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/metadata"
)

// held tells who holds the lane. That is no matter of any rule.
func (j *judge) held(o *opinion, g Gitops) {
	switch h := j.records.Hold; {
	case h == nil:
	case h.Live(j.At):
		o.note("commit "+g.Commit, "the lane is %s", h)
	default:
		o.note("commit "+g.Commit, "the lane is no longer %s", h)
	}
}

// unreadable tells the documents of the lane's metadata that are none, of those whose
// refusal is by the rule.
func (j *judge) unreadable(o *opinion, rule string) {
	for _, err := range j.records.Problems {
		if fail.RuleOf(err) == rule {
			o.against(j.Names.Metadata(), "%v", err)
		}
	}
}

// record is the record of a hotfix whose scope has a field of an object: a live one, or
// else one that has expired.
func (j *judge) record(obj Object, field string) (x *metadata.Hotfix, live bool) {
	for i := range j.records.Hotfixes {
		if r := &j.records.Hotfixes[i]; r.Covers(obj.Kind()+"/"+obj.Name(), field) {
			if r.Live(j.At) {
				return r, true
			}
			x = r
		}
	}
	return x, false
}

// strays judges a field of an object that is not as it should be, and reports whether
// a live record covers it.
func (j *judge) strays(o *opinion, obj Object, field, value, wanted string) (covered bool) {
	x, live := j.record(obj, field)
	if live {
		if wanted == "" {
			wanted = "nothing"
		}
		o.note(obj.ID(), "%s is %s, not %s: %s", field, value, wanted, x)
		return true
	}
	ob := Observation{State: Contradicted, Object: obj.ID(), Field: field, Value: value, Wanted: wanted}
	if ob.Value == "" {
		ob.Value = "nothing"
	}
	if x != nil {
		ob.Note = "expired: " + x.String()
	}
	o.add(ob)
	return false
}

// recorded reports whether all that differs in the namespace is in the scope of live
// records, and something is.
func (j *judge) recorded() bool {
	o := &opinion{}
	j.drift(o)
	for _, ob := range o.seen {
		if ob.Field == fieldRecorded {
			return o.state() == Matched
		}
	}
	return false
}

// fieldRecorded is the field of the sum of what records cover.
const fieldRecorded = "recorded"

func differing(n int) string { return fmt.Sprintf("%s as recorded", plural(n, "field")) }

// itemName is how an item of a list is called in the path of a field: by the name
// that it has in the key that the API gives, or by that key.
func itemName(key string) string {
	var item map[string]any
	if json.Unmarshal([]byte(key), &item) == nil {
		for _, by := range []string{"name", "mountPath", "key"} {
			if name, ok := item[by].(string); ok {
				return name
			}
		}
	}
	return key
}
