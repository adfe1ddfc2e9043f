package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/internal/canon"
)

// maxIdle is how old the answer to the question for the refs, and with it the
// connection, may be. After that the push is a plain one.
const maxIdle = 15 * time.Second

// Pusher makes one push of one ref, as Repo.Push does. It asks an HTTP remote for
// its refs at once, beside whatever the caller does until the commit is there.
// Where that cannot be right or goes wrong, its push is a plain Repo.Push.
type Pusher struct {
	ctx    context.Context
	talk   context.Context // ends when the conversation with the helper must
	end    context.CancelCauseFunc
	repo   *Repo
	to     Remote
	ref    string
	ready  chan struct{} // closed when it is known whether there is a helper
	helper *helper       // nil when the push has to be a plain one
}

// Pusher starts asking. It ends with Close, which must be called, or with ctx.
// The remote's timeout bounds the asking and the push, each for itself.
func (r *Repo) Pusher(ctx context.Context, to Remote, ref string) *Pusher {
	p := &Pusher{ctx: ctx, repo: r, to: to, ref: ref, ready: make(chan struct{})}
	p.talk, p.end = context.WithCancelCause(ctx)
	go func() {
		defer close(p.ready)
		defer p.limit()()
		p.helper, _ = r.begin(p.talk, to, ref) // the plain push says what is wrong
	}()
	return p
}

// limit ends the conversation after the remote's timeout unless stop is called.
func (p *Pusher) limit() (stop func() bool) {
	timeout := p.to.timeout()
	return time.AfterFunc(timeout, func() { p.end(timeoutError(timeout)) }).Stop
}

var errPlain = errors.New("only git push knows how to reach this remote")

func (r *Repo) begin(ctx context.Context, to Remote, ref string) (*helper, error) {
	scheme, _, ok := strings.Cut(to.URL, "://")
	if !ok || scheme != "http" && scheme != "https" || os.Getenv("GIT_ALLOW_PROTOCOL") != "" {
		return nil, errPlain
	}
	if err := errors.Join(to.check(), checkRef(ref)); err != nil {
		return nil, err
	}
	c := call{gitDir: r.GitDir, keep: r.KeepOpen, args: []string{"config", "--get-regexp", pushSettings}}
	if _, err := c.run(ctx); exitCode(err) != 1 { // 1: there is none
		return nil, errors.Join(errPlain, err)
	}
	c.args, c.settings = []string{"remote-" + scheme, to.URL, to.URL}, to.settings()
	return startHelper(ctx, c, ref)
}

// pushSettings are what git push heeds and the helper does not: another address
// for this one, what is said of the remote by name, protocols that are not
// allowed, and what a push sends besides.
const pushSettings = `^(url\.|remote\..*\.|protocol\.(https?\.)?allow$|push\.(pushoption|negotiate|gpgsign)$)`

// Close ends the process. A push that was not asked for does not happen.
func (p *Pusher) Close() {
	select {
	case <-p.ready:
	default:
		p.end(context.Canceled)
		<-p.ready
	}
	if p.helper != nil {
		p.helper.close()
		p.helper = nil
	}
	p.end(context.Canceled)
}

// Push is Repo.Push of p's ref. It is called once.
func (p *Pusher) Push(commit, expected string) (Push, error) {
	<-p.ready
	plain := func() (Push, error) { return p.repo.Push(p.ctx, p.to, commit, p.ref, expected) }
	if p.timedOut() { // another attempt would take as long
		return p.to.judge(p.ctx, commit, p.ref, expected, false, context.Cause(p.talk))
	}
	h := p.helper
	if h == nil || time.Since(h.asked) > maxIdle || !canon.IsCommit(commit) || !canon.IsCommit(expected) ||
		h.now == "" || h.now == commit { // the last are rare, and git push knows best
		return plain()
	}
	if h.now != expected {
		return Push{Result: Moved, Now: h.now, Words: fmt.Sprintf("the remote has %.12s", h.now)}, nil
	}
	stop := p.limit()
	taken, why, err := h.push(commit, p.ref, expected)
	stop()
	switch {
	case taken:
		return Push{Result: Pushed, Now: commit}, nil
	case p.ctx.Err() != nil:
		return Push{}, fmt.Errorf("pushing to %s: %w", p.to, context.Cause(p.ctx))
	case p.timedOut():
		return p.to.judge(p.ctx, commit, p.ref, expected, false, context.Cause(p.talk))
	case err != nil:
		h.process.Stop() // nobody follows it any more
		return plain()
	}
	p.Close() // so that all of its words are there
	return p.to.judge(p.ctx, commit, p.ref, expected, true, errors.New(clean(h.words.String()+"\n"+why)))
}

func (p *Pusher) timedOut() bool { return errors.Is(context.Cause(p.talk), errTimeout) }
