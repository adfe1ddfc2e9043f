package api

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// Whatever order a topic hears of events in, and whatever it never hears of but that
// something changed: a reader that asks as readers do has each event once and in
// order, and does not wait while there is one that it lacks.
func TestReadersMissNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		topic := &topic{wake: make(chan struct{}), version: 1}
		var stored int64          // the store has events 1 to stored
		var untold [][]run.Event  // stored, and not handed on yet
		seq, asked := int64(0), 0 // the reader's
		var wake <-chan struct{}  // what it waits for, nil while it reads
		read := func(steps int) {
			for range steps {
				if wake != nil {
					select {
					case <-wake:
						wake = nil
					default:
						return
					}
				}
				frames, version, w := topic.next(seq)
				if frames == nil && (version == 0 || version != asked) {
					last := min(stored, seq+int64(rapid.IntRange(1, 5).Draw(t, "page")))
					for n := seq + 1; n <= last; n++ {
						frames = append(frames, frame{seq: n})
					}
					if last == stored {
						asked = version
					}
				}
				for _, f := range frames {
					if f.seq != seq+1 {
						t.Fatalf("%d follows on %d", f.seq, seq)
					}
					seq = f.seq
				}
				if len(frames) == 0 {
					wake = w
				}
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0, 1: // a report is stored here
				var events []run.Event
				for range rapid.IntRange(1, 4).Draw(t, "events") {
					stored++
					events = append(events, run.Event{Seq: stored, Type: run.Message, Data: []byte(`{"text":"x"}`)})
				}
				untold = append(untold, events)
			case 2: // and handed on, perhaps later than the next one
				if len(untold) > 0 {
					i := rapid.IntRange(0, len(untold)-1).Draw(t, "which")
					topic.add(untold[i])
					untold = slices.Delete(untold, i, i+1)
				}
			case 3: // something happened elsewhere
				stored++
				topic.changed(0)
			case 4:
				read(rapid.IntRange(1, 4).Draw(t, "reads"))
			}
		}
		for _, events := range untold {
			topic.add(events)
		}
		read(1000)
		if seq != stored {
			t.Fatalf("the reader waits at %d, the last event is %d", seq, stored)
		}
	})
}

// What a topic keeps is bounded, and its last frame is always there.
func TestATopicIsBounded(t *testing.T) {
	topic := &topic{wake: make(chan struct{}), version: 1}
	big := []byte(`{"text":"` + string(slices.Repeat([]byte("x"), run.MaxEventBytes-20)) + `"}`)
	for n := range int64(100) {
		topic.add([]run.Event{{Seq: n + 1, Type: run.Message, Data: big}})
	}
	if len(topic.frames) != 1 || topic.frames[0].seq != 100 || topic.size != len(topic.frames[0].bytes) {
		t.Errorf("it keeps %d frames of %d bytes", len(topic.frames), topic.size)
	}
}
