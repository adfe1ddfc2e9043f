package golang

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
)

// Memo keeps on disk what was learnt about content, so that the next plan need
// not look again. A key is the hash of all that a value depends on; so a value
// is never stale, and which commit it was learnt from does not matter. The file
// may be deleted at any time. One that is damaged in any bit is not used, and
// one that cannot be written is as good as none.
//
// A Memo is for one goroutine.
type Memo struct {
	file  string // "" keeps nothing
	old   map[key][]byte
	used  map[key][]byte
	fresh bool // something is in used that is not in the file
}

type key [sha256.Size]byte

const (
	memoName  = "plan.memo"
	memoMagic = "lane plan memo 1\n"
	memoMax   = 512 << 20
)

// OpenMemo reads the memo in the folder dir; "" is a memo that is not kept.
func OpenMemo(dir string) *Memo {
	m := &Memo{used: map[key][]byte{}}
	if dir == "" {
		return m
	}
	m.file = filepath.Join(dir, memoName)
	if info, err := os.Stat(m.file); err != nil || info.Size() > memoMax {
		return m
	}
	if data, err := os.ReadFile(m.file); err == nil {
		m.old = decodeMemo(data)
	}
	return m
}

func (m *Memo) get(k key) ([]byte, bool) {
	if v, ok := m.used[k]; ok {
		return v, true
	}
	v, ok := m.old[k]
	if ok {
		m.used[k] = v
	}
	return v, ok
}

func (m *Memo) put(k key, v []byte) {
	m.used[k] = v
	m.fresh = true
}

// Save writes the memo if it has learnt anything. What was not asked for this
// time is kept for a while too, so that two branches do not push each other out.
func (m *Memo) Save() {
	if m.file == "" || !m.fresh {
		return
	}
	all, room := m.used, 4*len(m.used)+1000
	for k, v := range m.old {
		if len(all) >= room {
			break
		}
		all[k] = v
	}
	dir := filepath.Dir(m.file)
	if os.MkdirAll(dir, 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(dir, memoName+".*")
	if err != nil {
		return
	}
	_, err = f.Write(encodeMemo(all))
	if cerr := f.Close(); err == nil && cerr == nil {
		err = os.Rename(f.Name(), m.file)
	}
	if err != nil {
		os.Remove(f.Name())
		return
	}
	m.fresh = false
}

// encodeMemo is: magic, hash of the rest, then key, length and value of each.
func encodeMemo(all map[key][]byte) []byte {
	var e encoder
	for k, v := range all {
		e = append(e, k[:]...)
		e.bytes(v)
	}
	sum := sha256.Sum256(e)
	return append(append([]byte(memoMagic), sum[:]...), e...)
}

// decodeMemo is nil for anything that encodeMemo did not write.
func decodeMemo(data []byte) map[key][]byte {
	data, ok := bytes.CutPrefix(data, []byte(memoMagic))
	if !ok || len(data) < sha256.Size {
		return nil
	}
	sum, rest := key(data[:sha256.Size]), data[sha256.Size:]
	if sha256.Sum256(rest) != sum {
		return nil
	}
	d := decoder{rest: rest}
	all := map[key][]byte{}
	for len(d.rest) > 0 && !d.bad {
		if len(d.rest) < sha256.Size {
			return nil
		}
		k := key(d.rest[:sha256.Size])
		d.rest = d.rest[sha256.Size:]
		all[k] = d.bytes()
	}
	if d.bad {
		return nil
	}
	return all
}
