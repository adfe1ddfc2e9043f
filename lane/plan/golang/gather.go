package golang

import (
	"context"
	"crypto/sha256"
	"path"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/memo"
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
