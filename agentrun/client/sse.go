package client

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// message is one message of a text/event-stream. Its id is not kept: the events
// carry their numbers.
type message struct {
	event string // "" is message
	data  []byte
}

// messageBytes bounds a line and a message: an event's data, however it is escaped.
const messageBytes = 1 << 20

var errMessageLong = errors.New("a message of the stream is too long")

// stream reads messages as the HTML standard says, within bounds.
type stream struct{ lines *bufio.Scanner }

func newStream(r io.Reader) *stream {
	s := &stream{bufio.NewScanner(r)}
	s.lines.Buffer(make([]byte, 0, 64<<10), messageBytes)
	s.lines.Split(new(lineEnds).split)
	return s
}

// next is the next message that has data. A message that the stream's end cuts off
// is left out; the end is io.EOF.
func (s *stream) next() (message, error) {
	var m message
	some := false
	for s.lines.Scan() {
		line := s.lines.Bytes()
		if len(line) == 0 {
			if some {
				return m, nil
			}
			m = message{}
			continue
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "event":
			m.event = string(value)
		case "data":
			if some {
				m.data = append(m.data, '\n')
			}
			some = true
			m.data = append(m.data, value...)
			if len(m.data) > messageBytes {
				return m, errMessageLong
			}
		}
	}
	if errors.Is(s.lines.Err(), bufio.ErrTooLong) {
		return m, errMessageLong
	}
	if err := s.lines.Err(); err != nil {
		return m, err
	}
	return m, io.EOF
}

// lineEnds splits at LF, CR LF and CR. A line is given as soon as its CR is there:
// a LF that comes later belongs to it.
type lineEnds struct{ cr, begun bool }

func (e *lineEnds) split(data []byte, atEOF bool) (int, []byte, error) {
	skip := 0
	if e.cr && len(data) > 0 {
		e.cr = false
		if data[0] == '\n' {
			skip = 1
		}
	}
	rest := data[skip:]
	i := bytes.IndexAny(rest, "\r\n")
	if i < 0 {
		if !atEOF {
			e.cr = e.cr || skip > 0 // it is seen again
			return 0, nil, nil
		}
		return len(data), nil, nil // a line that is cut off says nothing
	}
	e.cr = rest[i] == '\r'
	line := rest[:i]
	if !e.begun {
		e.begun = true
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	return skip + i + 1, line, nil
}
