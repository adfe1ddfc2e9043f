package git

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
)

const (
	testRef = "refs/heads/main"
	testID  = "0123456789012345678901234567890123456789"
)

func reader(s string) *bufio.Reader { return bufio.NewReaderSize(strings.NewReader(s), maxLine) }

func TestReadRefs(t *testing.T) {
	for _, tt := range []struct {
		name, answer, want string
		bad                bool
	}{
		{"there", ":object-format sha1\n" + testID + " refs/heads/x\n" + testID + " " + testRef + "\n\n", testID, false},
		{"with attributes", testID + " " + testRef + " unchanged\n\n", testID, false},
		{"not there", "@refs/heads/main HEAD\n" + testID + " refs/heads/x/refs/heads/main\n\n", "", false},
		{"empty", "\n", "", false},
		{"unknown", "? " + testRef + "\n\n", "", true},
		{"symbolic", "@refs/heads/x " + testRef + "\n\n", "", true},
		{"another format", testID + "0 " + testRef + "\n\n", "", true},
		{"twice", strings.Repeat(testID+" "+testRef+"\n", 2) + "\n", "", true},
		{"cut", testID + " " + testRef + "\n", "", true},
		{"a line without end", strings.Repeat("x", 2*maxLine) + "\n\n", "", true},
	} {
		if got, err := readRefs(reader(tt.answer), testRef); (err != nil) != tt.bad || !tt.bad && got != tt.want {
			t.Errorf("%s: %q, %v", tt.name, got, err)
		}
	}
}

func TestReadPushed(t *testing.T) {
	for _, tt := range []struct {
		answer string
		taken  bool
		why    string
		bad    bool
	}{
		{"ok refs/heads/main\n\n", true, "", false},
		{"ok refs/heads/main \"up to date\"\n\n", true, "up to date", false},
		{"error refs/heads/main pre-receive hook declined\n\n", false, "pre-receive hook declined", false},
		{"ok refs/heads/main\noption new-oid " + testID + "\n\n", false, "", true},
		{"ok refs/heads/main2\n\n", false, "", true},
		{"okay refs/heads/main\n\n", false, "", true},
		{"ok refs/heads/main\n", false, "", true},
		{"\n", false, "", true},
		{"", false, "", true},
	} {
		taken, why, err := readPushed(reader(tt.answer), testRef)
		if taken != tt.taken || (err != nil) != tt.bad || !tt.bad && why != tt.why {
			t.Errorf("%q: %t, %q, %v", tt.answer, taken, why, err)
		}
	}
}

type nopCloser struct{ *bytes.Buffer }

func (nopCloser) Close() error { return nil }

// A helper that knows no lease is not asked to push.
func TestHelperWithoutLease(t *testing.T) {
	for _, answer := range []string{"unsupported\n", "error invalid value\n", ""} {
		in := nopCloser{new(bytes.Buffer)}
		h := &helper{in: in, out: reader(answer)}
		taken, _, err := h.push(testID, testRef, testID)
		if taken || err == nil || strings.Contains(in.String(), "push ") {
			t.Errorf("%q: %t, %v, it was told %q", answer, taken, err, in)
		}
	}
}

func FuzzHelperAnswers(f *testing.F) {
	for _, s := range []string{
		":object-format sha1\n" + testID + " " + testRef + "\n\n", "ok " + testRef + "\n\n",
		"error " + testRef + " \"stale info\"\n\n", "ok\n", "\n", "@x y\n? z\n\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		now, err := readRefs(reader(s), testRef)
		if err == nil && now != "" && !strings.Contains(s, now+" "+testRef) {
			t.Errorf("the ref is at %q", now)
		}
		taken, _, err := readPushed(reader(s), testRef)
		if taken && (err != nil || !strings.HasPrefix(s, "ok "+testRef)) {
			t.Errorf("taken, %v", err)
		}
		if readOK(reader(s)) == nil && !strings.HasPrefix(s, "ok\n") {
			t.Error("ok")
		}
	})
}
