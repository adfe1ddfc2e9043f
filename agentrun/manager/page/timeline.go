package page

import (
	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/plain"
)

// timelineBytes bounds what a page shows of a run's events; the oldest go first.
const timelineBytes = 4 << 20

// timeline is what a run's events have come to.
type timeline struct {
	Items   []*item
	Usage   *run.UsageData
	Diff    *diff
	Dropped bool // older items were left out for their size

	at   map[string]*item
	size int
}

// diff is the whole of what the agent has changed.
type diff struct {
	Lines []line
	Cut   bool
}

// diffBytes bounds the diff that a page shows.
const diffBytes = 128 << 10

// add takes the next event in.
func (t *timeline) add(e run.Event) error {
	switch e.Type {
	case run.Usage:
		var u run.UsageData
		t.Usage = &u
		return json.Unmarshal(e.Data, &u)
	case run.Diff:
		d, err := diffOf(e)
		t.Diff = d
		return err
	}
	it, ok, err := itemOf(e)
	if err != nil || !ok {
		return err
	}
	t.place(&it)
	for t.size > timelineBytes && len(t.Items) > 1 {
		first := t.Items[0]
		t.size -= first.size()
		delete(t.at, first.ID)
		t.Items, t.Dropped = t.Items[1:], true
	}
	return nil
}

// place puts the item where the one of its id is, or at the end.
func (t *timeline) place(it *item) {
	old := t.at[it.ID]
	switch {
	case old == nil:
		if t.at == nil {
			t.at = map[string]*item{}
		}
		t.at[it.ID], t.Items = it, append(t.Items, it)
		t.size += it.size()
	case it.Append:
		t.size -= old.size()
		text, more := shorten(old.Text+it.Text, itemBytes)
		old.Text, old.Cut = text, old.Cut || more || it.Cut
		t.size += old.size()
	default:
		t.size += it.size() - old.size()
		seq, at := old.Seq, old.Time
		*old = *it
		old.Seq, old.Time = seq, at // when it began
	}
}

func diffOf(e run.Event) (*diff, error) {
	var d run.TextData
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return nil, err
	}
	text, more := shorten(d.Text, diffBytes)
	return &diff{diffLines(plain.Text(text)), d.Truncated || more}, nil
}
