package git

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/fail"
)

// Blobs reads objects through one long-lived git process. It may be used by
// several goroutines, which then take turns.
type Blobs struct {
	ctx     context.Context
	call    call
	process *child.Process
	release func() bool // ends the watch over ctx
	words   *tail

	mu     sync.Mutex
	in     io.WriteCloser
	out    *bufio.Reader
	pipe   *os.File // what out reads
	broken error    // set once the conversation can no longer be followed
}

// Blobs starts the process. It ends with Close, which must be called, or with
// ctx.
func (r *Repo) Blobs(ctx context.Context) (*Blobs, error) {
	b := &Blobs{
		ctx:   ctx,
		call:  call{gitDir: r.GitDir, args: []string{"cat-file", "--batch"}, keep: r.KeepOpen},
		words: &tail{},
	}
	cmd := b.call.command()
	out, answers, err := os.Pipe() // not StdoutPipe, which loses what is unread when git ends
	if err != nil {
		return nil, err
	}
	if b.in, err = cmd.StdinPipe(); err != nil {
		out.Close()
		answers.Close()
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = answers, b.words
	b.process, err = child.Start(cmd)
	answers.Close()
	if err != nil {
		out.Close()
		return nil, b.call.explain(ctx, err, b.words)
	}
	b.pipe, b.out = out, bufio.NewReaderSize(out, 64<<10)
	b.release = context.AfterFunc(ctx, b.process.Stop)
	return b, nil
}

// Close ends the process. The Blobs cannot be used any more. The error is how
// git ended, unless it was told before.
func (b *Blobs) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	told := b.broken != nil
	b.broken = errors.New("the reader is closed")
	b.release()
	b.in.Close()
	b.pipe.Close() // a git that still has something to say must not wait for a reader
	if err := b.process.Err(); err != nil && !told {
		return b.call.explain(b.ctx, err, b.words)
	}
	return nil
}

// Read is the content of the blob oid. A missing object, one of another type,
// and one with more than limit bytes are errors.
func (b *Blobs) Read(oid string, limit int64) ([]byte, error) {
	var content []byte
	err := b.ReadAll([]string{oid}, limit, func(_ int, data []byte) error {
		content = data
		return nil
	})
	return content, err
}

// ReadAll reads many blobs, asking ahead so that git never waits. It calls each
// with the index into oids and the content, which the callee may keep, in the
// order of oids. The first error ends it; the reader stays usable unless git
// itself failed.
func (b *Blobs) ReadAll(oids []string, limit int64, each func(i int, data []byte) error) error {
	return b.readObjects("blob", oids, limit, each)
}

func (b *Blobs) readObjects(kind string, oids []string, limit int64, each func(i int, data []byte) error) error {
	for _, oid := range oids {
		if !canon.IsCommit(oid) {
			return fmt.Errorf("reading object %q: not a full id", clean(oid))
		}
	}
	if len(oids) == 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken != nil {
		return b.broken
	}
	asked := make(chan error, 1)
	go func() {
		_, err := io.WriteString(b.in, strings.Join(oids, "\n")+"\n")
		asked <- err
	}()
	var first error
	for i, oid := range oids {
		keep := limit
		if first != nil {
			keep = -1 // only follow the conversation to its end
		}
		data, err := readObject(b.out, kind, oid, keep)
		if isBroken(err) {
			b.broken = fmt.Errorf("reading object %s: %w", oid, b.cause(err))
			return b.broken
		}
		if first == nil {
			if first = err; err == nil {
				first = each(i, data)
			}
		}
	}
	if err := <-asked; err != nil && first == nil {
		b.broken = fmt.Errorf("reading objects: %w", b.cause(err))
		return b.broken
	}
	return first
}

// cause prefers the end of the context and git's own words to the broken pipe
// that they lead to.
func (b *Blobs) cause(err error) error {
	if b.ctx.Err() != nil {
		return context.Cause(b.ctx)
	}
	if words := b.words.String(); words != "" {
		return fmt.Errorf("%w: %s", err, words)
	}
	return err
}

// TooLargeError is in the chain of the error about an object over the limit.
type TooLargeError struct {
	Kind        string // "blob" or "commit"
	Size, Limit int64  // bytes
}

func (e TooLargeError) Error() string {
	return fmt.Sprintf("the %s has %d bytes, the limit is %d", e.Kind, e.Size, e.Limit)
}

// brokenError says that what git answered cannot be followed.
type brokenError struct{ error }

func isBroken(err error) bool {
	_, ok := errors.AsType[brokenError](err)
	return ok
}

// readObject reads the answer to one question of `cat-file --batch`: a line
// "oid type size", the content and a newline, or "oid missing". Content over
// limit is skipped, not held.
func readObject(r *bufio.Reader, kind, oid string, limit int64) ([]byte, error) {
	header, err := r.ReadSlice('\n')
	if err != nil {
		return nil, brokenError{fmt.Errorf("git's answer ends early: %w", err)}
	}
	answer := strings.TrimSuffix(string(header), "\n")
	if answer == oid+" missing" {
		return nil, fail.Fail(oid, "git fetch, if the clone is partial or older than this object", "the object is not in the repository")
	}
	fields := strings.Split(answer, " ")
	if len(fields) != 3 || fields[0] != oid {
		return nil, brokenError{fmt.Errorf("git answers %q", clean(answer))}
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || size < 0 {
		return nil, brokenError{fmt.Errorf("git answers the size %q", clean(fields[2]))}
	}
	if fields[1] != kind || size > limit {
		if _, err := io.CopyN(io.Discard, r, size+1); err != nil {
			return nil, brokenError{fmt.Errorf("git's answer ends early: %w", err)}
		}
		if fields[1] != kind {
			return nil, fmt.Errorf("object %s is a %s, not a %s", oid, clean(fields[1]), kind)
		}
		return nil, fail.Fail(oid, "make the file smaller", "%w", TooLargeError{Kind: kind, Size: size, Limit: limit})
	}
	// Grown while reading, so that a lie about the size costs nothing.
	var data []byte
	if data, err = readN(r, size); err != nil {
		return nil, brokenError{fmt.Errorf("git's answer ends early: %w", err)}
	}
	if end, err := r.ReadByte(); err != nil || end != '\n' {
		return nil, brokenError{errors.New("git's answer has no end")}
	}
	if hashObject(kind, data) != oid {
		return nil, brokenError{errors.New("the object is corrupt: its content has another id")}
	}
	return data, nil
}

func readN(r io.Reader, size int64) ([]byte, error) {
	const trusted = 1 << 20
	if size <= trusted {
		data := make([]byte, size)
		_, err := io.ReadFull(r, data)
		return data, err
	}
	data, err := io.ReadAll(io.LimitReader(r, size))
	if err == nil && int64(len(data)) < size {
		err = io.ErrUnexpectedEOF
	}
	return data, err
}

// BlobID is the id that git gives to a blob of this content.
func BlobID(data []byte) string { return hashObject("blob", data) }

func hashObject(kind string, data []byte) string {
	var buf [64]byte
	head := append(append(buf[:0], kind...), ' ')
	h := sha1.New()
	h.Write(append(strconv.AppendInt(head, int64(len(data)), 10), 0))
	h.Write(data)
	return hex.EncodeToString(h.Sum(buf[:0]))
}

// ReadFile is the content of the regular file path in commit, at most limit
// bytes. A symbolic link is not followed but refused.
func (r *Repo) ReadFile(ctx context.Context, commit, path string, limit int64) ([]byte, error) {
	blobs, err := r.Blobs(ctx)
	if err != nil {
		return nil, err
	}
	defer blobs.Close()
	entries, err := blobs.Tree(commit, path)
	if err != nil {
		return nil, err
	}
	if len(entries) != 1 || entries[0].Path != path || entries[0].Mode != ModeFile && entries[0].Mode != ModeExecutable {
		return nil, fail.Fail(path, "name a regular file of the commit", "reading it at commit %.12s: there is no such regular file", commit)
	}
	data, err := blobs.Read(entries[0].OID, limit)
	if err != nil {
		return nil, fmt.Errorf("reading %s at commit %.12s: %w", path, commit, err)
	}
	return data, nil
}
