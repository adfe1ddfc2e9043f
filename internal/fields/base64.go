package fields

import (
	"bytes"
	"encoding/base64"
	"iter"
)

const (
	leastEncoded = 24 // shorter runs are words
	leastWrapped = 60 // a line of base64 that goes on in the next has at least so many digits
)

// Base64 yields what stands base64-encoded in data, in either alphabet, with or
// without padding, on one line or wrapped over several, each with the offset of
// its encoding. Long words and paths decode as well; the bytes then mean nothing.
func Base64(data []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for start := 0; start < len(data); start++ {
			run, end := encodedRun(data, start)
			if len(run) >= leastEncoded {
				if decoded, ok := decode(run); ok && !yield(start, decoded) {
					return
				}
			}
			start = end
		}
	}
}

// encodedRun reads base64 digits from start on, over line breaks and the
// indentation behind them, as long as lines hold nothing else.
func encodedRun(data []byte, start int) (run []byte, end int) {
	end = digits(data, start)
	run = data[start:end:end]
	for line := start; end-line >= leastWrapped; {
		line = skip(data, end, "\r\n\t ")
		next := digits(data, line)
		if next == line || !bytes.ContainsRune(data[end:line], '\n') || next < len(data) && !bytes.ContainsRune([]byte("\r\n=\"'"), rune(data[next])) {
			break
		}
		run, end = append(run, data[line:next]...), next
	}
	return run, end
}

func digits(data []byte, at int) int {
	for at < len(data) && IsBase64(data[at]) {
		at++
	}
	return at
}

// IsBase64 reports whether c is a digit of base64, in either alphabet.
func IsBase64(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_'
}

func decode(run []byte) ([]byte, bool) {
	if len(run)%4 == 1 {
		run = run[:len(run)-1]
	}
	encoding := base64.RawStdEncoding
	if bytes.ContainsAny(run, "-_") {
		encoding = base64.RawURLEncoding
	}
	decoded, err := encoding.AppendDecode(nil, run)
	return decoded, err == nil
}
