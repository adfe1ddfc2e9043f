package publish

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/renameio/v2"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/registry"
)

// state is the folder of one running call. Whatever lies in work when it is
// opened was left by a call that was killed.
type state struct {
	dir  string
	lock *os.File
}

// openState takes the folder for this call, waiting for another one that has it.
func openState(ctx context.Context, dir string, waiting func()) (*state, error) {
	const hint = "choose a folder that can be written, with room for the builds"
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fail.Fail(dir, hint, "opening the state folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fail.Fail(dir, hint, "opening the state folder: %w", err)
	}
	s := &state{dir: dir, lock: lock}
	if err := s.take(ctx, waiting); err != nil {
		lock.Close()
		return nil, err
	}
	if err := errors.Join(os.RemoveAll(s.work()), os.MkdirAll(s.work(), 0o755), os.MkdirAll(s.notes(), 0o755)); err != nil {
		lock.Close()
		return nil, fail.Fail(dir, hint, "clearing the state folder: %w", err)
	}
	return s, nil
}

func (s *state) take(ctx context.Context, waiting func()) error {
	for told := false; ; told = true {
		err := syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if !told {
			waiting()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", s.dir, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// close gives the folder back, with nothing of this call in it but caches.
func (s *state) close() {
	_ = os.RemoveAll(s.work()) // else the next call does it
	s.lock.Close()
}

func (s *state) work() string  { return filepath.Join(s.dir, "work") }
func (s *state) notes() string { return filepath.Join(s.dir, "built") }

// folder makes an empty folder for a service.
func (s *state) folder(service string) (string, error) {
	dir := filepath.Join(s.work(), service)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", fmt.Errorf("making a folder to work in: %w", err)
	}
	return dir, nil
}

// note remembers which digest an identity was built to. It is only a hint where
// to look: what counts is what the registry proves.
func (s *state) note(identity string, ref registry.Ref, digest string) error {
	// In work, what a killed call began to write is cleared away.
	return renameio.WriteFile(s.noteFile(identity), []byte(ref.At(digest)+"\n"), 0o644, renameio.WithTempDir(s.work()))
}

// noted is the digest that was remembered for this repository, or "".
func (s *state) noted(identity string, ref registry.Ref) string {
	data, err := os.ReadFile(s.noteFile(identity))
	if err != nil {
		return ""
	}
	digest, ok := strings.CutPrefix(strings.TrimSuffix(string(data), "\n"), ref.At(""))
	if !ok || !canon.IsDigest(digest) {
		return ""
	}
	return digest
}

func (s *state) noteFile(identity string) string {
	return filepath.Join(s.notes(), strings.TrimPrefix(identity, "sha256:"))
}
