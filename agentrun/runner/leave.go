package runner

import (
	"errors"
	"io"
	"os"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// leave stores what the attempt leaves behind and completes its ending.
func (a *attempt) leave(ending *run.Ending) {
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
}

// keep stores an artifact. One that cannot be stored is reported and missed, but fails
// nothing.
func (a *attempt) keep(name, mediaType, text string) {
	var err error
	switch a.kept++; {
	case a.kept > run.MaxArtifacts:
		err = errors.New("the attempt has too many artifacts")
	case len(text) > run.MaxArtifactBytes:
		text = cut(text, run.MaxArtifactBytes)
		fallthrough
	default:
		err = a.up.artifact(a.tell, name, mediaType, []byte(text))
	}
	if err != nil && !errors.Is(err, errSuperseded) {
		a.say.text(run.Warning, "", a.say.redact.text(name+" was not kept: "+err.Error()))
	}
}

// tailOf reads the last bytes of a file, at most limit.
func tailOf(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(errNotRegular, err)
	}
	if _, err := f.Seek(max(0, info.Size()-limit), io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, limit))
}
