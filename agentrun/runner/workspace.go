package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"syscall"
	"time"
)

// stamp is what a file that has not been changed still has. A folder that cannot be looked
// into has one too, the zero.
type stamp struct {
	size int64
	time time.Time
}

// bounds are how much of a workspace is looked at, and kept.
type bounds struct {
	entries int   // of all folders
	depth   int   // of folders in folders
	files   int   // in the archive
	file    int64 // bytes of one of them
	bytes   int64 // of all of them
	packed  int   // of the archive
}

// leftOut are folders that are not looked at: what is in them can be had again, and is a
// lot. Repositories would need what was not changed, too.
func leftOut(name string) bool {
	return name == ".git" || name == ".cache" || name == "node_modules"
}

var (
	errTooMany = errors.New("there is too much in the workspace")
	errClosed  = errors.New("it is a folder that cannot be looked into")
)

// walk looks at the regular files of a workspace. It follows no link and opens nothing but
// folders.
type walk struct {
	ctx    context.Context
	bounds bounds
	seen   int
	found  map[string]stamp
}

// look gives the files of a workspace. The error is errTooMany or why ctx has ended; then
// the files are not all.
func look(ctx context.Context, root *os.Root, b bounds) (map[string]stamp, error) {
	w := &walk{ctx: ctx, bounds: b, found: map[string]stamp{}}
	err := w.folder(root, ".", 0)
	return w.found, err
}

// folder looks at one folder and what is in it.
func (w *walk) folder(dir *os.Root, at string, depth int) error {
	f, err := dir.Open(".")
	if err != nil {
		w.found[at] = stamp{}
		return nil
	}
	defer f.Close()
	for {
		entries, err := f.ReadDir(256)
		for _, e := range entries {
			if w.seen++; w.seen > w.bounds.entries {
				return errTooMany
			}
			if w.ctx.Err() != nil {
				return context.Cause(w.ctx)
			}
			if err := w.entry(dir, at, e, depth); err != nil {
				return err
			}
		}
		if err != nil {
			if err != io.EOF {
				w.found[at] = stamp{}
			}
			return nil
		}
	}
}

func (w *walk) entry(dir *os.Root, at string, e os.DirEntry, depth int) error {
	name := path.Join(at, e.Name())
	switch {
	case leftOut(e.Name()):
	case e.IsDir() && depth >= w.bounds.depth:
		w.found[name] = stamp{}
	case e.IsDir():
		sub, err := dir.OpenRoot(e.Name())
		if err != nil {
			w.found[name] = stamp{}
			return nil
		}
		defer sub.Close()
		return w.folder(sub, name, depth+1)
	case e.Type().IsRegular():
		if info, err := dir.Lstat(e.Name()); err == nil && info.Mode().IsRegular() {
			w.found[name] = stamp{info.Size(), info.ModTime()}
		}
	}
	return nil
}

// readFile reads a regular file of at most limit bytes. Opening does not wait, whatever
// has come into its place.
func readFile(root *os.Root, name string, limit int64) ([]byte, os.FileInfo, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	switch {
	case info.IsDir():
		return nil, nil, errClosed
	case !info.Mode().IsRegular():
		return nil, nil, errNotRegular
	case info.Size() > limit:
		return nil, nil, errTooLarge
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errTooLarge
	}
	return data, info, err
}

// missed is what an archive lacks.
type missed struct {
	count int
	names []string // of the first, with the reasons
}

func (m *missed) add(name string, why error) {
	if m.count++; len(m.names) < 20 {
		m.names = append(m.names, fmt.Sprintf("%s (%s)", cut(name, 200), reasonOf(why)))
	}
}

// text says it, or is "".
func (m *missed) text() string {
	if m.count == 0 {
		return ""
	}
	more := ""
	if m.count > len(m.names) {
		more = " and others"
	}
	return fmt.Sprintf("it lacks %d of them: %s%s", m.count, strings.Join(m.names, ", "), more)
}
