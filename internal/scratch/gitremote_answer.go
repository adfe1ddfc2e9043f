package scratch

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// cgiAnswer passes on what a CGI program writes: headers, an empty line, the
// body.
type cgiAnswer struct {
	w     http.ResponseWriter
	head  []byte // what was written before the empty line
	begun bool   // the headers are with the client
	err   error  // why the headers were not understood
}

// maxHead bounds the headers of an answer, in bytes.
const maxHead = 64 << 10

func (a *cgiAnswer) Write(p []byte) (int, error) {
	if a.begun {
		return a.pass(p)
	}
	a.head = append(a.head, p...)
	end := bytes.Index(a.head, []byte("\r\n\r\n"))
	if end < 0 {
		if len(a.head) > maxHead {
			a.err = errors.New("its headers do not end")
			return 0, a.err
		}
		return len(p), nil
	}
	if a.err = a.begin(a.head[:end+4]); a.err != nil {
		return 0, a.err
	}
	if _, err := a.pass(a.head[end+4:]); err != nil {
		return 0, err
	}
	return len(p), nil
}

// pass writes a part of the body and sends it on at once: a push reports its
// progress while the client waits.
func (a *cgiAnswer) pass(p []byte) (int, error) {
	n, err := a.w.Write(p)
	if err == nil {
		err = http.NewResponseController(a.w).Flush()
	}
	return n, err
}

func (a *cgiAnswer) begin(head []byte) error {
	header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(head))).ReadMIMEHeader()
	if err != nil {
		return fmt.Errorf("its headers are malformed: %w", err)
	}
	status := http.StatusOK
	if line := header.Get("Status"); line != "" {
		code, _, _ := strings.Cut(line, " ")
		if status, err = strconv.Atoi(code); err != nil || status < 200 || status > 599 {
			return fmt.Errorf("its status is %q", line)
		}
		header.Del("Status")
	}
	maps.Copy(a.w.Header(), header)
	a.begun = true
	a.w.WriteHeader(status)
	return nil
}
