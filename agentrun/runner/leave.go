package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// leave stores what the attempt leaves behind and completes its ending.
func (a *attempt) leave(ending *run.Ending) {
	a.leaving = true
	// A login's tokens may have been renewed meanwhile, by Codex itself.
	a.say.redact.add(knownSecrets(a.cfg.CodexHome, a.cfg.TokenFile)...)
	a.say.close()
	ending.FinalMessage = cut(a.say.final, run.MaxEventBytes)
	ending.Usage, ending.Session = a.say.usage, a.about
	ending.DurationMS = max(0, a.cfg.Now().Sub(a.began).Milliseconds())
	if a.say.diff != "" {
		a.keep("diff.patch", "text/x-diff; charset=utf-8", a.say.diff)
	}
	if a.say.final != "" {
		a.keep("final-message.md", "text/markdown; charset=utf-8", a.say.final)
	}
	if log, err := tailOf(a.thread.Thread.Path, run.MaxArtifactBytes/2); err == nil && len(log) > 0 {
		a.keep("rollout.jsonl", "application/jsonl", a.say.redact.text(string(log)))
	}
	if text := a.log.text(); ending.State == run.Failed && text != "" {
		a.keep("codex-stderr.txt", "text/plain; charset=utf-8", a.say.redact.text(text))
	}
	a.keepWorkspace(ending.State) // the last: it may be large
}

// turnArtifacts are those of run.MaxArtifacts that may come while the agent works, such
// as long outputs. The results, which come at the end, have the other places.
const turnArtifacts = 48

// keep stores an artifact. One that cannot be stored is reported and missed, but fails
// nothing.
func (a *attempt) keep(name, mediaType, text string) {
	var err error
	switch {
	case a.kept >= turnArtifacts && !a.leaving:
		err = fmt.Errorf("there are %d already, and the other places are for the results", a.kept)
	case len(text) > run.MaxArtifactBytes:
		text = cut(text, run.MaxArtifactBytes)
		fallthrough
	default:
		a.kept++
		ctx, done := a.keeping()
		err = a.up.artifact(ctx, name, mediaType, []byte(text))
		done()
	}
	if err != nil && !errors.Is(err, errSuperseded) {
		a.say.text(run.Warning, "", a.say.redact.text(name+" was not kept: "+err.Error()))
	}
}

// keeping is how long the storing of an artifact may take. In the turn it holds up Codex
// and whoever wants its end, so then it has little time once the agent has to stop.
func (a *attempt) keeping() (ctx context.Context, done func()) {
	if a.leaving {
		return a.tell, func() {}
	}
	ctx, cancel := context.WithCancelCause(a.tell)
	stop := context.AfterFunc(a.work, func() {
		select {
		case <-time.After(a.cfg.Timing.Patience):
			cancel(errors.New("the manager did not take it in time"))
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// tailOf reads the last lines of a file, at most limit bytes.
func tailOf(path string, limit int64) ([]byte, error) {
	// The agent could have put anything there, and opening a pipe waits for a writer.
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(errNotRegular, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(max(0, info.Size()-limit), io.SeekStart); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, limit))
	if info.Size() > limit {
		data = wholeLines(data)
	}
	return data, err
}
