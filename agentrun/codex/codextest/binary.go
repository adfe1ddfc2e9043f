// Package codextest gives tests the real Codex: the native program out of the npm
// package, which is fetched once into the user's cache folder and recognised by its
// sha256.
package codextest

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Version is the Codex that AgentRun is made with.
const Version = "0.169.0"

// The npm package of that version for linux-x64, and the program in it.
const (
	URL    = "https://registry.npmjs.org/@openai/codex/-/codex-" + Version + "-linux-x64.tgz"
	SHA256 = "89801b4b97faba562eb80fe0a833159ac79399be674022f4b1a0ccab1d153faa"
	Member = "package/vendor/x86_64-unknown-linux-musl/bin/codex"
)

// Binary is the path of the program. With -short the test is skipped; else a program
// that cannot be had is a failure.
func Binary(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs the real Codex")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cache, "agentrun", "codex-"+SHA256[:16])
	if _, err := os.Stat(path); err == nil {
		return path
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := fetch(ctx, path); err != nil {
		t.Fatalf("fetching Codex %s from npm: %v", Version, err)
	}
	return path
}

// fetch puts the program at path once the whole package is proved. Several processes
// may do it at once.
func fetch(ctx context.Context, path string) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, URL, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".codex-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeIfThere(f.Name())) }()
	sum := sha256.New()
	if err := errors.Join(extract(resp.Body, sum, f), f.Chmod(0o755), f.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != SHA256 {
		return fmt.Errorf("the package has the sha256 %s, not %s", got, SHA256)
	}
	return os.Rename(f.Name(), path)
}

func extract(from io.Reader, sum hash.Hash, to io.Writer) error {
	from = io.TeeReader(from, sum)
	unzipped, err := gzip.NewReader(from)
	if err != nil {
		return err
	}
	found := false
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if header.Name == Member {
			found = true
			if _, err := io.Copy(to, archive); err != nil {
				return err
			}
		}
	}
	if !found {
		return fmt.Errorf("the package has no %s", Member)
	}
	_, err = io.Copy(io.Discard, from) // the sum is of all of it
	return err
}

func removeIfThere(name string) error {
	if err := os.Remove(name); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
