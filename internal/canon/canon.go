// Package canon is the one form of every JSON document of the project and of
// everything that is hashed.
//
// Marshal gives canonical bytes: sorted object keys, two-space indent, no HTML
// escapes, a final newline. The same value always gives the same bytes.
// Unmarshal is the strict reverse for bytes that nobody trusts: it refuses
// invalid UTF-8, a byte order mark, duplicate keys, unknown fields, trailing
// data, deep nesting and documents over a limit, and says where
// (file:line:column and JSON pointer). Digest and Identity are the hashes.
// The package reads no file and never repairs what it reads.
package canon

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Marshal encodes v canonically. Map keys are sorted and struct fields stand in
// sorted order too, whatever their order in Go.
func Marshal(v any) ([]byte, error) {
	raw, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("encoding json: %w", err)
	}
	formatted, err := format(raw)
	if err != nil {
		return nil, fmt.Errorf("formatting json: %w", err)
	}
	return formatted, nil
}

// IsCanonical reports whether data is a JSON value as Marshal writes it. Unlike
// encoding the decoded value again, it does not know which fields a type has:
// that all of them are there is for the caller to see.
func IsCanonical(data []byte) bool {
	formatted, err := format(bytes.Clone(data))
	return err == nil && bytes.Equal(formatted, data)
}

// format rewrites raw, in place where there is room.
func format(raw []byte) ([]byte, error) {
	val := jsontext.Value(raw)
	err := val.Format(
		jsontext.ReorderRawObjects(true),
		jsontext.CanonicalizeRawInts(false),
		jsontext.CanonicalizeRawFloats(false),
		jsontext.EscapeForHTML(false),
		jsontext.WithIndent("  "),
	)
	return append(bytes.TrimRight(val, "\n"), '\n'), err
}

// Digest is "sha256:" and the hex SHA-256 of data.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// IsDigest reports whether s is "sha256:" and 64 lower-case hex digits.
func IsDigest(s string) bool {
	const prefix = "sha256:"
	return len(s) == len(prefix)+64 && s[:len(prefix)] == prefix && isHex(s[len(prefix):])
}

// IsCommit reports whether s is a full 40-digit lower-case hex commit id.
func IsCommit(s string) bool { return len(s) == 40 && isHex(s) }

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
