package git

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/child"
)

// helper is git's remote helper for HTTP under way, as gitremote-helpers(7) has
// it: the program that git push itself talks to.
type helper struct {
	process *child.Process
	in      io.WriteCloser
	pipe    *os.File // what out reads
	out     *bufio.Reader
	words   *tail

	now   string    // what the ref points at on the remote, "" when it is not there
	asked time.Time // when that was learned
}

// startHelper starts the helper and asks the remote for its refs. The helper
// ends with close, or with ctx.
func startHelper(ctx context.Context, c call, ref string) (*helper, error) {
	h := &helper{words: &tail{}}
	cmd := c.command()
	out, answers, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer answers.Close()
	if h.in, err = cmd.StdinPipe(); err != nil {
		out.Close()
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = answers, h.words
	if h.process, err = child.Start(cmd); err != nil {
		out.Close()
		return nil, err
	}
	answers.Close()
	h.pipe, h.out = out, bufio.NewReaderSize(io.LimitReader(out, maxOutput), maxLine)
	context.AfterFunc(ctx, h.process.Stop)
	h.say("option progress false\noption verbosity 1\nlist for-push\n")
	if err = errors.Join(readOK(h.out), readOK(h.out)); err == nil {
		h.now, err = readRefs(h.out, ref)
	}
	if err != nil {
		h.process.Stop()
		h.close()
		return nil, err
	}
	h.asked = time.Now()
	return h, nil
}

// push asks the remote to point ref at commit if it is at expected. Without an
// error the remote has decided: taken, or not, and why.
func (h *helper) push(commit, ref, expected string) (taken bool, why string, err error) {
	h.say("option cas " + ref + ":" + expected + "\n")
	if err := readOK(h.out); err != nil { // never without the lease
		return false, "", err
	}
	h.say("push " + commit + ":" + ref + "\n\n")
	return readPushed(h.out, ref)
}

// say writes to the helper. If it does not read, its answer will be missing.
func (h *helper) say(lines string) { _, _ = io.WriteString(h.in, lines) }

// close lets a helper that has nothing to do end, and waits for it.
func (h *helper) close() {
	h.say("\n")
	h.in.Close()
	h.pipe.Close() // a helper that still has something to say must not wait for a reader
	_ = h.process.Err()
}

// maxLine bounds one line of the helper's answers, in bytes.
const maxLine = 16 << 10

func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return "", fmt.Errorf("reading the helper's answer: %w", err)
	}
	return string(line[:len(line)-1]), nil
}

func readOK(r *bufio.Reader) error {
	line, err := readLine(r)
	if err == nil && line != "ok" {
		err = fmt.Errorf("the helper answers %q to an option", clean(line))
	}
	return err
}

// readRefs reads the answer to list up to its empty line: "oid SP ref" each, and
// lines about symbolic and unborn refs, and about the list itself. It gives
// the id at ref, "" when ref is not there.
func readRefs(r *bufio.Reader, ref string) (string, error) {
	now := ""
	for {
		line, err := readLine(r)
		if err != nil || line == "" {
			return now, err
		}
		if strings.HasPrefix(line, ":") {
			continue
		}
		value, rest, _ := strings.Cut(line, " ")
		if name, _, _ := strings.Cut(rest, " "); name != ref {
			continue
		}
		if !canon.IsCommit(value) || now != "" {
			return "", fmt.Errorf("the helper says of the ref %q", clean(line))
		}
		now = value
	}
}

// readPushed reads the answer to push up to its empty line: one line for ref,
// "ok SP ref" or "error SP ref SP why". Anything else is an error, also a remote
// that says that it did something else than was asked.
func readPushed(r *bufio.Reader, ref string) (taken bool, why string, err error) {
	line, err := readLine(r)
	if err != nil {
		return false, "", err
	}
	result, rest, _ := strings.Cut(line, " ")
	name, why, _ := strings.Cut(rest, " ")
	end, err := readLine(r)
	if err != nil {
		return false, "", err
	}
	if name != ref || result != "ok" && result != "error" || end != "" {
		return false, "", fmt.Errorf("the helper answers %q, then %q, to a push", clean(line), clean(end))
	}
	return result == "ok", strings.Trim(why, `"`), nil
}
