package unpack

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/plan/archives"
)

// Store keeps archives and trees in a folder.
type Store struct {
	Dir  string
	HTTP *http.Client

	// Progress is told of each download that begins.
	Progress func(archive, address string)
}

// maxArchive bounds one archive, in bytes.
const maxArchive = 2 << 30

// silence ends a download that brings nothing for so long.
const silence = 30 * time.Second

var errSilent = errors.New("nothing came any more")

// file is the archive on this machine, proved.
func (s *Store) file(ctx context.Context, a archives.Archive) (string, error) {
	path := filepath.Join(s.Dir, "files", strings.TrimPrefix(a.Digest, "sha256:"))
	if _, err := os.Stat(path); err == nil {
		now := time.Now()
		_ = os.Chtimes(path, now, now) // when it was used last, see prune
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", s.unusable(err)
	}
	var wrong []error
	for _, address := range a.URLs {
		for try := range 3 {
			err := s.download(ctx, a, address, path)
			if err == nil {
				return path, nil
			}
			if ctx.Err() != nil {
				return "", fmt.Errorf("fetching %s: %w", a.FullName(), context.Cause(ctx))
			}
			if fail.CodeOf(err) == fail.Refused {
				return "", err
			}
			if wrong = append(wrong, err); errors.Is(err, errNotThere) {
				break
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(try+1) * 200 * time.Millisecond):
			}
		}
	}
	return "", fail.Fail(a.FullName(), "see whether the addresses in the lock still have it; a mirror may be added behind them", "fetching the archive: %w", errors.Join(wrong...))
}

var errNotThere = errors.New("it is not there")

func (s *Store) download(ctx context.Context, a archives.Archive, address, path string) (err error) {
	s.Progress(a.FullName(), address)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer watch.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := s.HTTP.Do(req)
	if err != nil {
		return causeOr(ctx, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusGone, resp.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%s: %s: %w", address, resp.Status, errNotThere)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s", address, resp.Status)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".part-*")
	if err != nil {
		return s.unusable(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), io.LimitReader(&watched{resp.Body, watch}, maxArchive+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return causeOr(ctx, fmt.Errorf("%s: %w", address, err))
	}
	if n > maxArchive {
		return fail.Refuse("F5", a.FullName(), "name another archive", "%s has more than %d bytes", address, int64(maxArchive))
	}
	if got := fmt.Sprintf("sha256:%x", sum.Sum(nil)); got != a.Digest {
		if resp.ContentLength >= 0 && n != resp.ContentLength {
			return fmt.Errorf("%s: it ended after %d of %d bytes", address, n, resp.ContentLength)
		}
		return fail.Refuse("F5", a.FullName(), "find out which of the two is right before the lock is changed", "%s has %s, the lock says %s", address, got, a.Digest)
	}
	if err := os.Chmod(f.Name(), 0o644); err != nil {
		return s.unusable(err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return s.unusable(err)
	}
	return nil
}

func causeOr(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

func (s *Store) unusable(err error) error {
	return fail.Fail(s.Dir, "give lane a cache folder that can be written and has room", "keeping archives: %w", err)
}

// watched is a body that is known to be alive while it brings something.
type watched struct {
	io.Reader
	watch *time.Timer
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		w.watch.Reset(silence)
	}
	return n, err
}

// keep is for how long an unused archive or tree is kept.
const keep = 30 * 24 * time.Hour

// prune removes what was not used for long, and what a killed process left.
func (s *Store) prune(now time.Time) {
	for _, folder := range [...]string{"files", "trees"} {
		entries, err := os.ReadDir(filepath.Join(s.Dir, folder))
		if err != nil {
			continue
		}
		for _, e := range entries {
			limit := keep
			if strings.HasPrefix(e.Name(), ".") {
				limit = 24 * time.Hour
			}
			if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > limit {
				_ = os.RemoveAll(filepath.Join(s.Dir, folder, e.Name())) // another time, then
			}
		}
	}
}
