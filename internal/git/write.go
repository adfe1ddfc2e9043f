package git

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/pikasTech/agentrun/internal/canon"
)

// NewCommit is a commit to be written: the parent's files with some put and
// some deleted.
type NewCommit struct {
	Parent  string            // full id, or "" for a commit without history
	Put     map[string][]byte // path → content, as regular files of mode 100644
	Delete  []string          // paths of files; one that is not there is no error
	Message string
	By      Signature // author and committer

	// Sign, if set, gives the armored SSH signature of the commit object that it
	// is handed, as ssh-keygen -Y sign does.
	Sign func(object []byte) (string, error)
}

// WriteCommit stores the commit and gives its id. No ref, index or work tree is
// touched, so a caller that is killed leaves nothing but unreachable objects.
// The cost follows the number of files put and deleted, not the size of the
// tree. The same NewCommit always has the same id. Speed is preferred to surviving
// a power cut: the caller must be able to make the repository anew.
func (r *Repo) WriteCommit(ctx context.Context, c NewCommit) (string, error) {
	w := r.Writer(ctx)
	defer w.Close()
	return w.Commit(c)
}

// Writer writes one commit, as WriteCommit does. The git process starts at once, so
// that it is ready when the commit is.
type Writer struct {
	ctx  context.Context
	repo *Repo
	call call
	in   *io.PipeWriter
	done chan struct{}
	out  []byte
	err  error
}

// Writer starts the process. It ends with Close, which must be called, or with
// ctx.
func (r *Repo) Writer(ctx context.Context) *Writer {
	in, stream := io.Pipe()
	w := &Writer{ctx: ctx, repo: r, in: stream, done: make(chan struct{}), call: call{
		gitDir: r.GitDir,
		args:   []string{"fast-import", "--quiet", "--done", "--date-format=raw", "--depth=0"},
		// As one pack, without looking for deltas: loose objects would be a file
		// each, and the push looks for deltas anyway.
		settings: []string{"-c", "fastimport.unpackLimit=1", "-c", "core.fsync=none", "-c", "core.compression=1"},
		stdin:    in,
		keep:     r.KeepOpen,
	}}
	go func() {
		w.out, w.err = w.call.run(ctx)
		in.Close() // who still writes need not wait
		close(w.done)
	}()
	return w
}

// Close ends the process. Without a Commit before it, nothing was written.
func (w *Writer) Close() {
	_, _ = io.WriteString(w.in, "done\n") // or git would take the end for a crash; it may have ended already
	w.in.Close()
	<-w.done
}

// Commit stores c and gives its id. It is called once.
func (w *Writer) Commit(c NewCommit) (string, error) {
	if err := c.check(); err != nil {
		return "", fmt.Errorf("writing a commit: %w", err)
	}
	_, _ = c.stream().WriteTo(w.in) // if git does not read, it says why
	w.Close()
	if w.err != nil {
		return "", fmt.Errorf("writing a commit: %w", w.err)
	}
	id := strings.TrimSuffix(string(w.out), "\n")
	if !canon.IsCommit(id) {
		return "", fmt.Errorf("writing a commit: git answers %q", clean(id))
	}
	if c.Sign == nil {
		return id, nil
	}
	return w.repo.sign(w.ctx, id, c.Sign)
}

// sign stores the commit again with a signature: fast-import knows none.
func (r *Repo) sign(ctx context.Context, id string, sign func([]byte) (string, error)) (string, error) {
	object, err := r.run(ctx, "cat-file", "commit", id)
	if err != nil {
		return "", fmt.Errorf("signing a commit: %w", err)
	}
	signature, err := sign(object)
	if err != nil {
		return "", fmt.Errorf("signing a commit: %w", err)
	}
	head, message, _ := strings.Cut(string(object), "\n\n")
	header := signatureHeader + " " + strings.ReplaceAll(strings.TrimRight(signature, "\n"), "\n", "\n ")
	out, err := call{
		gitDir: r.GitDir, keep: r.KeepOpen, args: []string{"hash-object", "-t", "commit", "-w", "--stdin"},
		settings: []string{"-c", "core.fsync=none"}, stdin: strings.NewReader(head + "\n" + header + "\n\n" + message),
	}.run(ctx)
	if err != nil {
		return "", fmt.Errorf("signing a commit: %w", err)
	}
	if id = strings.TrimSuffix(string(out), "\n"); !canon.IsCommit(id) {
		return "", fmt.Errorf("signing a commit: git answers %q", clean(id))
	}
	return id, nil
}

// signatureHeader is where git keeps a commit's signature, of whatever kind.
const signatureHeader = "gpgsig"

func (c NewCommit) check() error {
	if c.Parent != "" && !canon.IsCommit(c.Parent) {
		return fmt.Errorf("parent %q is not a full commit id", clean(c.Parent))
	}
	for _, part := range [...]string{c.By.Name, c.By.Email} {
		if part == "" || strings.ContainsAny(part, "<>") || strings.ContainsFunc(part, unicode.IsControl) {
			return fmt.Errorf("%q cannot stand in a signature", clean(part))
		}
	}
	if strings.ContainsRune(c.Message, 0) {
		return fmt.Errorf("the message has a NUL byte")
	}
	for path := range c.Put {
		if err := checkPath(path); err != nil {
			return err
		}
	}
	for _, path := range c.Delete {
		if err := checkPath(path); err != nil {
			return err
		}
	}
	return nil
}

// stream is c in the language of fast-import. The branch that it needs is
// forgotten again before the end, so that no ref is made.
func (c NewCommit) stream() *bytes.Buffer {
	w := new(bytes.Buffer)
	const branch = "refs/lane/unwritten"
	who := fmt.Sprintf("%s <%s> %d %s", c.By.Name, c.By.Email, c.By.When.Unix(), c.By.When.Format("-0700"))
	fmt.Fprintf(w, "commit %s\nmark :1\nauthor %s\ncommitter %s\ndata %d\n%s\n", branch, who, who, len(c.Message), c.Message)
	if c.Parent != "" {
		fmt.Fprintf(w, "from %s\n", c.Parent)
	}
	for _, path := range slices.Sorted(slices.Values(c.Delete)) { // first: a file may make room for a folder
		fmt.Fprintf(w, "D %s\n", quote(path))
	}
	for _, path := range slices.Sorted(maps.Keys(c.Put)) {
		fmt.Fprintf(w, "M 100644 inline %s\ndata %d\n", quote(path), len(c.Put[path]))
		w.Write(c.Put[path])
		w.WriteByte('\n')
	}
	fmt.Fprintf(w, "\nget-mark :1\nreset %s\n\n", branch)
	return w
}

// quote writes a path as fast-import reads it back, whatever its bytes.
func quote(path string) string {
	var b bytes.Buffer
	b.WriteByte('"')
	for _, c := range []byte(path) {
		if c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			fmt.Fprintf(&b, `\%03o`, c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
