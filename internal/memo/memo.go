// Package memo keeps on disk what was learnt about content, so that nobody need look
// at the same content again.
//
// A key is the hash of all that a value depends on; so a value is never stale,
// and which commit it was learnt from does not matter. The file may be deleted at
// any time. One that is damaged in any bit is not used, and one that cannot be
// written is as good as none: nothing here is an error.
package memo

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"sync"
)

// Memo may be used by many goroutines.
type Memo struct {
	file string // "" keeps nothing
	old  map[Key][]byte

	mu    sync.Mutex
	used  map[Key][]byte
	fresh bool // something is in used that is not in the file
}

// Key is a SHA-256 hash of what a value depends on.
type Key [sha256.Size]byte

const (
	magic    = "lane memo 3\n"
	maxBytes = 512 << 20
)

// Open reads the memo in a file; "" is a memo that is not kept.
func Open(file string) *Memo {
	m := &Memo{file: file, used: map[Key][]byte{}}
	if info, err := os.Stat(file); err != nil || info.Size() > maxBytes {
		return m
	}
	if data, err := os.ReadFile(file); err == nil {
		m.old = decode(data)
	}
	return m
}

// Get is the value of a key. It must not be changed.
func (m *Memo) Get(k Key) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.used[k]; ok {
		return v, true
	}
	v, ok := m.old[k]
	if ok {
		m.used[k] = v
	}
	return v, ok
}

// Put keeps a value.
func (m *Memo) Put(k Key, v []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used[k] = v
	m.fresh = true
}

// Save writes the memo if it has learnt anything. What was not asked for this
// time is kept for a while too, so that two branches do not push each other out. Of
// two processes that save at once one loses what it learnt, which costs time alone.
func (m *Memo) Save() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file == "" || !m.fresh {
		return
	}
	all, room := maps.Clone(m.used), 4*len(m.used)+1000
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
	f, err := os.CreateTemp(dir, filepath.Base(m.file)+".*")
	if err != nil {
		return
	}
	_, err = f.Write(encode(all))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), m.file)
	}
	if err != nil {
		os.Remove(f.Name())
		return
	}
	m.fresh = false
}

// encode is: magic, hash of the rest, then the key and value of each.
func encode(all map[Key][]byte) []byte {
	var e Encoder
	for k, v := range all {
		e.Bytes(k[:])
		e.Bytes(v)
	}
	sum := sha256.Sum256(e)
	return append(append([]byte(magic), sum[:]...), e...)
}

// decode is nil for anything that encode did not write.
func decode(data []byte) map[Key][]byte {
	data, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok || len(data) < sha256.Size {
		return nil
	}
	sum, rest := Key(data[:sha256.Size]), data[sha256.Size:]
	if sha256.Sum256(rest) != sum {
		return nil
	}
	d := Decoder{rest: rest}
	all := map[Key][]byte{}
	for !d.Done() {
		k, v := d.Bytes(), d.Bytes()
		if len(k) != sha256.Size {
			return nil
		}
		all[Key(k)] = v
	}
	return all
}
