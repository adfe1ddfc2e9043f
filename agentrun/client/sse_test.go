package client

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func messages(r io.Reader) (all []string, err error) {
	for s := newStream(r); ; {
		m, err := s.next()
		if err != nil {
			return all, err
		}
		all = append(all, m.event+"|"+string(m.data))
	}
}

func TestStream(t *testing.T) {
	for in, want := range map[string][]string{
		"data: a\n\n":                          {"|a"},
		"\ufeffevent:x\r\ndata:a\r\n\r\n":      {"x|a"},
		"event: x\rdata: a\r\rdata: b\r\r":     {"x|a", "|b"},
		"data: a\ndata\ndata:  b\n\n":          {"|a\n\n b"},
		": beat\n\n: beat\n\ndata: a\n\n":      {"|a"},
		"event: x\n\ndata: a\n\n":              {"|a"}, // without data there is no message, and its kind is forgotten
		"id: 7\nretry: 9\nother: z\ndata:\n\n": {"|"},
		"data: a\n\ndata: cut off":             {"|a"},
		"data: a\n\ndata: cut off\n":           {"|a"},
		"":                                     nil,
	} {
		got, err := messages(strings.NewReader(in))
		if diff := cmp.Diff(want, got); diff != "" || !errors.Is(err, io.EOF) {
			t.Errorf("%q: %s%v", in, diff, err)
		}
	}
}

// TestStreamDoesNotWait: a message is there with its last byte, even when the
// line's end might go on.
func TestStreamDoesNotWait(t *testing.T) {
	r, w := io.Pipe()
	go w.Write([]byte("data: a\r\n\r"))
	m, err := newStream(r).next()
	if err != nil || string(m.data) != "a" {
		t.Errorf("got %q, %v", m.data, err)
	}
	r.Close()
}

func FuzzStream(f *testing.F) {
	f.Add([]byte("id: 1\nevent: message\ndata: {}\n\n: beat\r\n\r\ndata\rdata: x\r\r"))
	f.Add([]byte("\ufeffdata: a\n\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		whole, err := messages(bytes.NewReader(in))
		if !errors.Is(err, io.EOF) && !errors.Is(err, errMessageLong) {
			t.Fatal(err)
		}
		for _, m := range whole {
			if len(m) > 2*messageBytes || strings.ContainsAny(m, "\r") {
				t.Fatalf("a message of %d bytes: %.100q", len(m), m)
			}
		}
		single, _ := messages(iotest.OneByteReader(bytes.NewReader(in)))
		if diff := cmp.Diff(whole, single); diff != "" {
			t.Error(diff)
		}
	})
}
