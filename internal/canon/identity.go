package canon

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"slices"
	"strconv"
)

// Input is one named thing that a result depends on. Its Value is small and
// printable: a version, a flag, or the hash of a file's content.
type Input struct {
	Name  string `json:"name"`  // such as "file cmd/api/main.go" or "toolchain"
	Value string `json:"value"` // such as "100644 3b18e5…" or "go1.26.8"
}

// Identity is the hash of named inputs, "sha256:<hex>". The order of inputs does
// not matter; names and values are length-prefixed, so no two different lists
// run together into the same bytes.
func Identity(inputs []Input) string {
	sorted := slices.Clone(inputs)
	SortInputs(sorted)
	return SortedIdentity(slices.Values(sorted))
}

// SortedIdentity is Identity for inputs that come sorted, as SortInputs sorts.
func SortedIdentity(inputs iter.Seq[Input]) string {
	h := sha256.New()
	var buf []byte
	for in := range inputs {
		for _, s := range [...]string{in.Name, in.Value} {
			buf = strconv.AppendInt(buf, int64(len(s)), 10)
			buf = append(buf, ':')
			buf = append(buf, s...)
			buf = append(buf, '\n')
		}
		if len(buf) > 1<<13 {
			h.Write(buf)
			buf = buf[:0]
		}
	}
	h.Write(buf)
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

func compareInputs(a, b Input) int {
	if n := cmp.Compare(a.Name, b.Name); n != 0 {
		return n
	}
	return cmp.Compare(a.Value, b.Value)
}

// SortInputs orders inputs by name, then value.
func SortInputs(inputs []Input) { slices.SortFunc(inputs, compareInputs) }

// MergeInputs goes through two sorted lists as one.
func MergeInputs(a []Input, b iter.Seq[Input]) iter.Seq[Input] {
	return func(yield func(Input) bool) {
		rest := a
		for in := range b {
			for len(rest) > 0 && compareInputs(rest[0], in) <= 0 {
				if !yield(rest[0]) {
					return
				}
				rest = rest[1:]
			}
			if !yield(in) {
				return
			}
		}
		for _, in := range rest {
			if !yield(in) {
				return
			}
		}
	}
}

// Changes compares two lists of inputs. It returns, sorted by name, one entry
// for each name whose values differ; an absent input has the value "".
func Changes(before, after []Input) []Change {
	type pair struct{ before, after string }
	all := map[string]pair{}
	for _, in := range before {
		p := all[in.Name]
		p.before = in.Value
		all[in.Name] = p
	}
	for _, in := range after {
		p := all[in.Name]
		p.after = in.Value
		all[in.Name] = p
	}
	var out []Change
	for name, p := range all {
		if p.before != p.after {
			out = append(out, Change{Name: name, Before: p.before, After: p.after})
		}
	}
	slices.SortFunc(out, func(a, b Change) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Change is one input that differs between two lists.
type Change struct {
	Name   string `json:"name"`
	Before string `json:"before"` // "" when it was not there
	After  string `json:"after"`  // "" when it is gone
}
