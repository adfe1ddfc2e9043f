package codex

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// MaxLine bounds one line of the program, in bytes. A command's output alone makes
// lines of a mebibyte, and their encoding can make them several times as long.
const MaxLine = 64 << 20

// ErrLineTooLong is that the program does not keep to lines.
var ErrLineTooLong = fmt.Errorf("a line of more than %d MiB", MaxLine>>20)

// lines reads lines of up to limit bytes. The buffer of a long line is not kept.
type lines struct {
	r     *bufio.Reader
	limit int
}

func newLines(r io.Reader) *lines { return &lines{bufio.NewReaderSize(r, 64<<10), MaxLine} }

// next gives the next line without its end. The bytes are the caller's. A last line
// without an end is what is left of a program that was killed, and is dropped.
func (l *lines) next() ([]byte, error) {
	var line []byte
	for {
		part, err := l.r.ReadSlice('\n')
		if len(line)+len(part) > l.limit {
			return nil, ErrLineTooLong
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}
