package golang

import (
	"context"
	"os"
	"path"
	"path/filepath"
)

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
