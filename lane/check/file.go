package check

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"path"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/fields"
	"github.com/pikasTech/agentrun/internal/git"
)

// file is one file's content, as the rules look at it.
type file struct {
	git.Entry
	data   []byte
	binary bool   // as git sees it
	text   []byte // in UTF-8, of a binary file without its zero bytes; nil for media
	lower  []byte // text with its letters in lower case
	fields []fields.Field
}

func newFile(e git.Entry, data []byte) *file {
	f := &file{Entry: e, data: data}
	f.text, f.binary = asText(data)
	f.lower = lowered(f.text)
	for field := range fields.In(f.text) {
		f.fields = append(f.fields, field)
	}
	return f
}

// asText is data as UTF-8. A zero byte makes a file binary, as git sees it, and UTF-16,
// which has them, text. A binary file is looked at without them, so that one of them
// hides nothing; images and the like are not looked at.
func asText(data []byte) (text []byte, zeros bool) {
	order, isUTF16 := map[string]binary.ByteOrder{"\xff\xfe": binary.LittleEndian, "\xfe\xff": binary.BigEndian}[string(data[:min(2, len(data))])]
	switch {
	case isUTF16:
		units := make([]uint16, len(data)/2)
		for i := range units {
			units[i] = order.Uint16(data[2*i:])
		}
		return []byte(string(utf16.Decode(units))), false
	case bytes.IndexByte(data, 0) < 0:
	case media(data):
		return nil, true
	default:
		data, zeros = bytes.ReplaceAll(data, []byte{0}, nil), true
	}
	if !utf8.Valid(data) {
		data = bytes.ToValidUTF8(data, []byte("?")) // Latin-1 and the like
	}
	if data == nil {
		data = []byte{}
	}
	return data, zeros
}

// media are contents that show or play something.
func media(data []byte) bool {
	kind, _, _ := strings.Cut(http.DetectContentType(data), "/")
	return kind == "image" || kind == "font" || kind == "audio" || kind == "video"
}

// printable is the text in a binary file, each piece on its own line and at its
// own offset.
func printable(data []byte) []byte {
	out := bytes.Clone(data)
	for i, c := range out {
		if (c < ' ' || c > '~') && c != '\t' {
			out[i] = '\n'
		}
	}
	return out
}

// at is a finding at an offset of the text.
func (f *file) at(offset int, rule, hint, why string, args ...any) fail.Finding {
	line, column := canon.Position(f.text, int64(offset))
	return fail.Finding{Rule: rule, File: f.Path, Line: line, Column: column, Why: fmt.Sprintf(why, args...), Hint: hint}
}

// whole is a finding about the file as a whole.
func (f *file) whole(rule, hint, why string, args ...any) fail.Finding {
	return fail.Finding{Rule: rule, File: f.Path, Why: fmt.Sprintf(why, args...), Hint: hint}
}

// link looks at a symbolic link.
func (f *file) link() fail.Findings {
	target := string(f.data)
	inside := path.Join(path.Dir(f.Path), target)
	if path.IsAbs(target) || inside == ".." || strings.HasPrefix(inside, "../") {
		return fail.Findings{f.whole("C1", "track the file itself", "the symbolic link leads out of the source tree")}
	}
	return nil
}

// magic is how files begin that no person writes.
var magic = []struct{ begin, what string }{
	{"\x7fELF", "a compiled program or library"},
	{"MZ", "a compiled program for Windows"},
	{"\xfe\xed\xfa\xce", "a compiled program for macOS"},
	{"\xfe\xed\xfa\xcf", "a compiled program for macOS"},
	{"\xce\xfa\xed\xfe", "a compiled program for macOS"},
	{"\xcf\xfa\xed\xfe", "a compiled program for macOS"},
	{"\xca\xfe\xba\xbe", "a compiled program"},
	{"\x00asm", "a compiled program"},
	{"!<arch>\n", "an archive"},
	{"\x1f\x8b", "a gzip archive"},
	{"PK\x03\x04", "a zip archive"},
	{"PK\x05\x06", "a zip archive"},
	{"BZh", "a bzip2 archive"},
	{"\xfd7zXZ\x00", "an xz archive"},
	{"\x28\xb5\x2f\xfd", "a zstd archive"},
	{"7z\xbc\xaf\x27\x1c", "a 7z archive"},
	{"\xed\xab\xee\xdb", "an RPM package"},
}

// tarMark stands at tarOffset of every tar archive, such as a container image's.
const (
	tarMark   = "ustar"
	tarOffset = 257
)

const lfsMark = "version https://git-lfs.github.com/spec/"

// foreign finds what is no source: compiled programs, archives, in which nothing
// can be looked at, and pointers to content that the commit does not hold (rule C1).
func (f *file) foreign() fail.Findings {
	const hint = "build or fetch it where it is used, and pin it there by its digest"
	for _, m := range magic {
		// "MZ" and "BZh" may begin a text
		if bytes.HasPrefix(f.data, []byte(m.begin)) && (f.binary || len(m.begin) > 3) {
			return fail.Findings{f.whole("C1", hint, "%s does not belong in source", m.what)}
		}
	}
	switch {
	case len(f.data) > tarOffset && bytes.HasPrefix(f.data[tarOffset:], []byte(tarMark)) && f.binary:
		return fail.Findings{f.whole("C1", hint, "a tar archive does not belong in source")}
	case bytes.HasPrefix(f.data, []byte(lfsMark)):
		return fail.Findings{f.whole("C1", "track the file itself, or fetch it where it is used", "the file's content is not in the commit but in LFS")}
	}
	return nil
}
