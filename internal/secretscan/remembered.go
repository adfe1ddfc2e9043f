package secretscan

import (
	"crypto/sha256"
	"fmt"
	"path"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/internal/memo"
)

// Remembered is a scanner that looks at the same content once: what it finds, which is
// places and never a credential, is kept in a memo, which the caller opens and saves.
// So looking at a tree again costs as much as what has changed in it.
type Remembered struct {
	Rules *Scanner
	Memo  *memo.Memo
}

// Scan is Scanner.Scan.
func (r Remembered) Scan(name string, data []byte) []Hit {
	h := sha256.New()
	fmt.Fprintf(h, "secrets %s\n%s\n", r.Rules.Version(), path.Base(name)) // of a path the rules look at the end alone
	h.Write(data)
	key := memo.Key(h.Sum(nil))
	var hits []Hit
	if value, ok := r.Memo.Get(key); ok && json.Unmarshal(value, &hits) == nil {
		return hits
	}
	hits = r.Rules.Scan(name, data)
	if value, err := json.Marshal(hits); err == nil {
		r.Memo.Put(key, value)
	}
	return hits
}
