package git

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/internal/canon"
)

// maxCommit bounds a commit object: message, signature and parents.
const maxCommit = 1 << 20

// Commit is what a commit says about itself.
type Commit struct {
	ID        string
	Tree      string
	Parents   []string
	Author    Signature
	Committer Signature
	Message   string // as written, with its trailers; may be any bytes

	Signature string // armored, not verified; "" when it is not signed
	Signed    []byte // what the signature is of: the object without it
}

// Signature is who did something, and when.
type Signature struct {
	Name  string
	Email string
	When  time.Time // whole seconds, in the zone that was recorded
}

// Trailer is one "Key: value" line at the end of a commit message.
type Trailer struct{ Key, Value string }

// Commit reads the commit with this full id.
func (r *Repo) Commit(ctx context.Context, id string) (Commit, error) {
	blobs, err := r.Blobs(ctx)
	if err != nil {
		return Commit{}, err
	}
	commit, err := blobs.Commit(id)
	return commit, errors.Join(err, blobs.Close())
}

// FirstParents visits the commit with this full id and what it stands on, along the
// first parents, until visit has seen enough. More than limit commits are an error,
// and so is an end that is only this repository's.
func (r *Repo) FirstParents(ctx context.Context, id string, limit int, visit func(Commit) (more bool)) error {
	blobs, err := r.Blobs(ctx)
	if err != nil {
		return err
	}
	defer blobs.Close()
	for range limit {
		c, err := blobs.Commit(id)
		if err != nil || !visit(c) || len(c.Parents) == 0 {
			return err
		}
		id = c.Parents[0]
	}
	return fmt.Errorf("reading the history: it has more than %d commits", limit)
}

// Commit is Repo.Commit through this reader, without a process of its own.
func (b *Blobs) Commit(id string) (Commit, error) {
	var commit Commit
	err := b.readObjects("commit", []string{id}, maxCommit, func(_ int, data []byte) (err error) {
		commit, err = parseCommit(string(data))
		return err
	})
	if err != nil {
		return Commit{}, fmt.Errorf("reading commit %.12s: %w", id, err)
	}
	commit.ID = id
	return commit, nil
}

// parseCommit reads a raw commit object. Headers it does not know, such as
// signatures and encodings, are skipped.
func parseCommit(raw string) (Commit, error) {
	var c Commit
	head, message, ok := strings.Cut(raw, "\n\n")
	if !ok {
		if head, ok = strings.CutSuffix(raw, "\n"); !ok {
			return c, errors.New("the commit has no end of headers")
		}
	}
	c.Message = message
	c.Signature, c.Signed = cutSignature(raw, head)
	for line := range strings.SplitSeq(head, "\n") {
		key, value, _ := strings.Cut(line, " ")
		var err error
		switch key {
		case "tree":
			c.Tree = value
		case "parent":
			c.Parents = append(c.Parents, value)
			if !canon.IsCommit(value) {
				err = fmt.Errorf("parent %q is not an id", clean(value))
			}
		case "author":
			c.Author, err = parseSignature(value)
		case "committer":
			c.Committer, err = parseSignature(value)
		}
		if err != nil {
			return Commit{}, fmt.Errorf("header %s: %w", key, err)
		}
	}
	if !canon.IsCommit(c.Tree) || c.Committer.When.IsZero() {
		return Commit{}, errors.New("the commit names no tree or no committer")
	}
	return c, nil
}

// cutSignature takes the signature out of a raw commit, whose headers are head.
func cutSignature(raw, head string) (signature string, rest []byte) {
	from := strings.Index(head, "\n"+signatureHeader+" ")
	if from < 0 {
		return "", nil
	}
	from++
	to := from
	for { // the header goes on in the lines that begin with a space
		next := strings.IndexByte(raw[to:], '\n')
		if next < 0 {
			return "", nil
		}
		to += next + 1
		if to >= len(raw) || raw[to] != ' ' {
			break
		}
	}
	value := strings.TrimPrefix(raw[from:to], signatureHeader+" ")
	return strings.ReplaceAll(value, "\n ", "\n"), []byte(raw[:from] + raw[to:])
}

// parseSignature reads "name <email> seconds zone".
func parseSignature(s string) (Signature, error) {
	name, rest, ok := strings.Cut(s, " <")
	if !ok {
		name, rest, ok = "", strings.TrimPrefix(s, "<"), strings.HasPrefix(s, "<")
	}
	end := strings.LastIndex(rest, "> ")
	if !ok || end < 0 {
		return Signature{}, fmt.Errorf("%q is not a name, an address and a date", clean(s))
	}
	when, err := ParseDate(rest[end+2:])
	if err != nil {
		return Signature{}, err
	}
	return Signature{Name: name, Email: rest[:end], When: when}, nil
}

// ParseDate reads a date as git takes it from GIT_COMMITTER_DATE in its exact
// forms: "<seconds> <zone>" with or without a leading "@", such as
// "@1700000000 +0100", or RFC 3339. Git's vague forms are refused.
func ParseDate(s string) (time.Time, error) {
	seconds, zone, ok := strings.Cut(strings.TrimPrefix(s, "@"), " ")
	if !ok {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return time.Time{}, fmt.Errorf("%q is not a date: write seconds and zone, such as \"1700000000 +0000\", or RFC 3339", clean(s))
		}
		return t, nil
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	offset, zerr := strconv.Atoi(zone)
	if err != nil || zerr != nil || n < 0 || n > 1<<40 || len(zone) != 5 || max(offset, -offset) > 2400 || zone[0] != '+' && zone[0] != '-' {
		return time.Time{}, fmt.Errorf("%q is not a date in seconds and a zone", clean(s))
	}
	east := (offset/100*60 + offset%100) * 60
	if east == 0 {
		return time.Unix(n, 0).UTC(), nil
	}
	return time.Unix(n, 0).In(time.FixedZone("", east)), nil
}

// Trailers are the "Key: value" lines of the message's last paragraph, in
// order; none unless every line of that paragraph is one and it is not the
// subject.
func Trailers(message string) []Trailer {
	message = strings.TrimRight(message, "\n")
	start := strings.LastIndex(message, "\n\n")
	if start < 0 {
		return nil
	}
	var trailers []Trailer
	for line := range strings.SplitSeq(strings.TrimLeft(message[start:], "\n"), "\n") {
		key, value, ok := strings.Cut(line, ": ")
		if !ok || !isTrailerKey(key) {
			return nil
		}
		trailers = append(trailers, Trailer{Key: key, Value: strings.TrimSpace(value)})
	}
	return trailers
}

func isTrailerKey(key string) bool {
	for _, c := range []byte(key) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return key != ""
}
