package unpack

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/ulikunitz/xz"
)

// debData finds the files of a Debian package: the member data.tar of an ar archive.
func debData(r io.Reader) (io.Reader, error) {
	magic := make([]byte, 8)
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != "!<arch>\n" {
		return nil, errors.New("it is no Debian package")
	}
	for {
		// name 16, time 12, owner 6, group 6, mode 8, size 10, end 2
		header := make([]byte, 60)
		if _, err := io.ReadFull(r, header); err != nil || string(header[58:]) != "`\n" {
			return nil, errors.New("it is a Debian package without data")
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(header[48:58])), 10, 64)
		if err != nil || size < 0 {
			return nil, errors.New("it is no Debian package")
		}
		member := io.LimitReader(r, size)
		switch name := strings.TrimSuffix(strings.TrimSpace(string(header[:16])), "/"); name {
		case "data.tar.xz":
			return xz.NewReader(member)
		case "data.tar.gz":
			return gzip.NewReader(member)
		case "data.tar":
			return member, nil
		default:
			if strings.HasPrefix(name, "data.tar") {
				return nil, fmt.Errorf("it is a Debian package with %s, which is not known here", name)
			}
		}
		if _, err := io.CopyN(io.Discard, r, size+size%2); err != nil { // members begin at even places
			return nil, errors.New("it is a Debian package without data")
		}
	}
}
