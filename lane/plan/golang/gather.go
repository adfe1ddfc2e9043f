package golang

import (
	"context"
	"crypto/sha256"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/lane/plan/memo"
)

// scan makes sure that the folder of every place is known: from the memo, or by
// applying the rules to its files now.
func (l *Loader) scan(ctx context.Context, m *mainModule, places []place) error {
	places = slices.DeleteFunc(slices.Clone(places), func(p place) bool { return m.folders[p] != nil })
	r := rules{minor: minor(m.toolchain)}
	if err := l.scanWith(ctx, m, r, places); err != nil {
		return err
	}
	asking := slices.DeleteFunc(places, func(p place) bool { return !m.folders[p].asks })
	if len(asking) == 0 {
		return nil
	}
	if err := l.askExperiments(ctx, m); err != nil {
		return err
	}
	r.experiments = m.experiments
	return l.scanWith(ctx, m, r, asking)
}

// askExperiments learns the toolchain's own tags. Only the toolchain knows them.
func (l *Loader) askExperiments(ctx context.Context, m *mainModule) error {
	if m.experiments != nil {
		return nil
	}
	k := memo.Key(sha256.Sum256([]byte("tags\x00" + m.toolchain)))
	if v, ok := l.Memo.Get(k); ok {
		m.experiments = strings.Fields(string(v))
		return nil
	}
	list, err := l.Tool.tags(ctx, m.toolchain)
	if err != nil {
		return err
	}
	l.Memo.Put(k, []byte(strings.Join(list, " ")))
	m.experiments = list
	return nil
}

// job is one folder to scan.
type job struct {
	place   place
	key     memo.Key
	entries []git.Entry // local: its source files
	hasGo   bool        // it has Go files, be they tests
	files   map[string][]byte
	result  *folder
}

func (l *Loader) scanWith(ctx context.Context, m *mainModule, r rules, places []place) error {
	var local, remote []*job
	for _, p := range places {
		j := &job{place: p}
		if p.owner.local {
			if err := l.list(j); err != nil {
				m.folders[p] = &folder{exists: true, problem: err.Error()}
				continue
			}
		}
		j.key = j.keyUnder(r)
		if v, ok := l.Memo.Get(j.key); ok {
			if f, ok := decodeFolder(v); ok {
				m.folders[p] = f
				continue
			}
		}
		if p.owner.local {
			local = append(local, j)
		} else {
			remote = append(remote, j)
		}
	}
	var workers errgroup.Group
	workers.SetLimit(runtime.GOMAXPROCS(0))
	apply := func(j *job) {
		workers.Go(func() error {
			j.result = r.scan(j.place.dir(), j.files)
			j.result.exists, j.files = j.hasGo, nil
			return nil
		})
	}
	err := l.readLocal(local, apply)
	if err == nil {
		err = l.readRemote(ctx, m, remote, apply)
	}
	_ = workers.Wait() // they cannot fail
	if err != nil {
		return err
	}
	for _, j := range slices.Concat(local, remote) {
		m.folders[j.place] = j.result
		l.Memo.Put(j.key, j.result.encode())
	}
	return nil
}

// list finds the source files of a local folder, links resolved.
func (l *Loader) list(j *job) error {
	for child := range l.Tree.Children(j.place.dir()) {
		j.hasGo = j.hasGo || !child.IsDir && path.Ext(child.Name) == ".go"
		if child.IsDir || !isSource(child.Name) {
			continue
		}
		e, err := l.Tree.Follow(child.Entry)
		if err != nil {
			return err
		}
		j.entries = append(j.entries, e)
	}
	return nil
}

// keyUnder is the hash of all that the result depends on.
func (j *job) keyUnder(r rules) memo.Key {
	var e memo.Encoder
	e.String(r.String())
	e.Flag(j.hasGo && j.place.owner.local)
	if o := j.place.owner; !o.local {
		for _, s := range []string{o.source.Path, o.source.Version, o.sum, j.place.sub} {
			e.String(s)
		}
	}
	for _, entry := range j.entries {
		e.String(path.Base(entry.Path))
		e.String(entry.OID)
	}
	return sha256.Sum256(e)
}

// readLocal reads the files of the jobs' folders from git and hands each job on
// as soon as it is complete.
func (l *Loader) readLocal(jobs []*job, done func(*job)) error {
	type want struct {
		job  *job
		name string
		last bool
	}
	var oids []string
	var wants []want
	for _, j := range jobs {
		j.files = map[string][]byte{}
		n := len(wants)
		for _, e := range j.entries {
			name := path.Base(e.Path)
			if !needsContent(name) {
				j.files[name] = nil
				continue
			}
			oids = append(oids, e.OID)
			wants = append(wants, want{job: j, name: name})
		}
		if len(wants) == n {
			done(j)
		} else {
			wants[len(wants)-1].last = true
		}
	}
	return l.Tree.ReadAll(oids, func(i int, data []byte) error {
		w := wants[i]
		w.job.files[w.name] = data
		if w.last {
			done(w.job)
		}
		return nil
	})
}

// readRemote reads the folders of modules from the module cache.
func (l *Loader) readRemote(ctx context.Context, m *mainModule, jobs []*job, done func(*job)) error {
	if len(jobs) == 0 {
		return nil
	}
	dirs, err := l.moduleDirs(ctx, m, jobs)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		j.files = map[string][]byte{}
		dir := filepath.Join(dirs[j.place.owner], filepath.FromSlash(j.place.sub))
		entries, err := os.ReadDir(dir)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		for _, e := range entries {
			if !e.Type().IsRegular() {
				continue
			}
			j.hasGo = j.hasGo || path.Ext(e.Name()) == ".go"
			if !isSource(e.Name()) {
				continue
			}
			j.files[e.Name()] = nil
			if needsContent(e.Name()) {
				if j.files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
					return err
				}
			}
		}
		done(j)
	}
	return nil
}
