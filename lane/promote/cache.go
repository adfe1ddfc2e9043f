package promote

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
)

// fetchedRef is what was fetched last.
const fetchedRef = "refs/lane/fetched"

// maxPacks is how many small packs a cache may gather before it is made anew,
// which costs one fetch of one commit.
const maxPacks = 64

// cache is this machine's bare repository for one branch of one remote. It holds
// nothing that the remote does not have or that matters: whenever it is in
// doubt it is thrown away.
type cache struct {
	branch  Branch
	dir     string
	repo    *git.Repo
	renewed bool        // once is enough: what still fails then has another cause
	writer  *git.Writer // of the next commit, if it was prepared
	pusher  *git.Pusher // of the next commit, if the remote is being asked
}

// withCache runs use while no other process uses the same cache.
func (b Branch) withCache(ctx context.Context, use func(*cache) error) error {
	key := sha256.Sum256([]byte(b.Remote.String() + "\x00" + b.Names.GitopsRef()))
	dir, err := filepath.Abs(filepath.Join(b.Cache, fmt.Sprintf("%s-%s-%x.git", b.Names.Project, b.Names.Lane, key[:8])))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return b.unusable(err)
	}
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return b.unusable(err)
	}
	defer lock.Close()
	if err := acquire(ctx, lock); err != nil {
		return err
	}
	c := &cache{branch: b, dir: dir}
	// git inherits the lock: it is held until the last process that may still
	// write has ended, even if this one is killed.
	c.repo = &git.Repo{GitDir: dir, KeepOpen: lock}
	if n, err := c.repo.Packs(); err != nil || n > maxPacks {
		if err := c.renew(ctx); err != nil {
			return err
		}
		c.renewed = false
	}
	defer c.close()
	return use(c)
}

// prepare begins what write ends: git gets ready while the content is made.
func (c *cache) prepare(ctx context.Context) { c.writer = c.repo.Writer(ctx) }

// write stores a commit.
func (c *cache) write(ctx context.Context, commit git.NewCommit) (string, error) {
	if c.writer == nil {
		c.prepare(ctx)
	}
	defer c.closeWriter() // it writes one commit
	return c.writer.Commit(commit)
}

func (c *cache) closeWriter() {
	if c.writer != nil {
		c.writer.Close()
		c.writer = nil
	}
}

// askAhead begins what push ends: the remote says where the branch is while the
// content is made. It must not be older than the head that the content is for.
func (c *cache) askAhead(ctx context.Context) {
	c.closePusher()
	c.pusher = c.repo.Pusher(ctx, c.branch.Remote, c.branch.Names.GitopsRef())
}

// push swaps commit in for the remote's head.
func (c *cache) push(ctx context.Context, commit, head string) (git.Push, error) {
	if c.pusher == nil {
		return c.repo.Push(ctx, c.branch.Remote, commit, c.branch.Names.GitopsRef(), head)
	}
	defer c.closePusher() // it pushes once
	return c.pusher.Push(commit, head)
}

func (c *cache) closePusher() {
	if c.pusher != nil {
		c.pusher.Close()
		c.pusher = nil
	}
}

// close ends what was begun.
func (c *cache) close() {
	c.closeWriter()
	c.closePusher()
}

// acquire waits for the lock on file. The kernel gives it back when the last
// process that has the file open ends.
func acquire(ctx context.Context, file *os.File) error {
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, syscall.EINTR):
		default:
			return fmt.Errorf("locking %s: %w", file.Name(), err)
		}
		if err := sleep(ctx, 5*time.Millisecond+rand.N(20*time.Millisecond)); err != nil {
			return fmt.Errorf("waiting for another lane that uses %s: %w", file.Name(), err)
		}
	}
}

// believed is the head that was seen last, or nil when there is none or it
// cannot be read; then the remote is asked.
func (c *cache) believed(ctx context.Context) *Head {
	if c.seen() == "" {
		return nil
	}
	head, err := c.branch.read(ctx, c.repo, c.seen())
	if err != nil {
		return nil
	}
	return head
}

// fetch reads the branch as it is on the remote now. told is where the remote
// said a moment ago that the branch is; "" asks it.
func (c *cache) fetch(ctx context.Context, told string) (*Head, error) {
	for ; ; told = "" {
		if told == "" {
			var err error
			if told, err = c.ask(ctx); err != nil {
				return nil, err
			}
		}
		if told == "" {
			return nil, c.branch.missing()
		}
		head, err := c.bring(ctx, told)
		if err == nil || fail.CodeOf(err) == fail.Refused || ctx.Err() != nil {
			return head, err
		}
		// The remote or this cache: the one that still answers is not at fault.
		if _, silent := c.ask(ctx); silent != nil {
			return nil, silent
		}
		if c.renewed {
			return nil, c.branch.unusable(err)
		}
		if err := c.renew(ctx); err != nil {
			return nil, err
		}
	}
}

// ask is the commit that the remote's branch points at, "" when there is none.
func (c *cache) ask(ctx context.Context) (string, error) {
	head, _, err := c.branch.Ask(ctx)
	return head, err
}

// bring makes sure that commit, or what the branch has moved to since, is here,
// and reads it.
func (c *cache) bring(ctx context.Context, commit string) (*Head, error) {
	if c.seen() != commit {
		var err error
		if commit, err = c.repo.Fetch(ctx, c.branch.Remote, c.branch.Names.GitopsRef(), fetchedRef); err != nil {
			return nil, err
		}
		c.believe(commit)
	}
	return c.branch.read(ctx, c.repo, commit)
}

// seen is the commit that the branch was at when it was last fetched or pushed,
// "" when that is not known. It stands in a file and not in a ref because it is
// read and written on each promotion, and a git process takes longer than
// everything else that lane does there.
func (c *cache) seen() string {
	data, _ := os.ReadFile(c.seenFile())
	if commit := strings.TrimSpace(string(data)); canon.IsCommit(commit) {
		return commit
	}
	return ""
}

// believe remembers commit as seen. It may fail: then the next promotion fetches.
func (c *cache) believe(commit string) {
	next := c.seenFile() + ".next"
	if os.WriteFile(next, []byte(commit+"\n"), 0o600) == nil {
		_ = os.Rename(next, c.seenFile())
	}
}

func (c *cache) seenFile() string { return filepath.Join(c.dir, "lane-seen") }

// renew makes the cache anew.
func (c *cache) renew(ctx context.Context) error {
	c.renewed = true
	c.close() // it would go on in a folder that is gone
	err := os.RemoveAll(c.dir)
	if err == nil {
		_, err = git.Create(ctx, c.dir)
	}
	if err != nil && ctx.Err() == nil {
		return c.branch.unusable(err)
	}
	return err
}

func (b Branch) unusable(err error) error {
	return fail.Fail(b.Cache, "give lane a cache folder that can be written and has room", "the cache folder cannot be used: %w", err)
}

// sleep waits for d, or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
