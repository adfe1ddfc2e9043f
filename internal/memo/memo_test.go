package memo

import (
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

func key(s string) Key { return sha256.Sum256([]byte(s)) }

func TestMemoKeepsWhatItLearnt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	file := filepath.Join(dir, "plan.memo")
	m := Open(file)
	m.Put(key("a"), []byte("1"))
	m.Save()
	m = Open(file)
	if v, ok := m.Get(key("a")); !ok || string(v) != "1" {
		t.Errorf("a is %q, %v", v, ok)
	}
	if _, ok := m.Get(key("b")); ok {
		t.Error("b is known")
	}
	m.Save() // nothing new: nothing written
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}

// TestMemoDoesNotGrowWithHistory: what was not asked for lately makes room.
func TestMemoDoesNotGrowWithHistory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plan.memo")
	for run := range 50 {
		m := Open(file)
		for i := range 100 {
			m.Put(key(string(binary.AppendVarint(nil, int64(run*100+i)))), nil)
		}
		m.Save()
	}
	if n := len(Open(file).old); n > 1500 {
		t.Errorf("%d values are kept", n)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("x"), true)
	f.Add(encode(map[Key][]byte{key("a"): []byte("1")}), false)
	f.Fuzz(func(t *testing.T, data []byte, seal bool) {
		if seal { // behind a valid hash, the way an old or a hostile writer could
			sum := sha256.Sum256(data)
			data = append(append([]byte(magic), sum[:]...), data...)
		}
		all := decode(data)
		again := decode(encode(all))
		if len(again) != len(all) {
			t.Fatalf("%d values are read back as %d", len(all), len(again))
		}
		d := NewDecoder(data)
		for !d.Done() {
			d.Strings()
		}
	})
}
