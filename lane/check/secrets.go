package check

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path"
	"path/filepath"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/secretscan"
)

// scanner looks for credentials (rule C4) and remembers the answers by content.
type scanner struct {
	rules *secretscan.Scanner
	cache string
}

func (s scanner) scan(f *file) fail.Findings {
	content := f.text
	if content == nil {
		if media(f.data) {
			return nil
		}
		content = printable(f.data)
	}
	hits := s.hits(f, content)
	if f.text == nil {
		hits = append(hits, s.rules.Scan(f.Path, der(f.data))...)
	}
	var found fail.Findings
	for _, h := range hits {
		found = append(found, fail.Finding{
			Rule: "C4", File: f.Path, Line: h.Line, Column: h.Column,
			Why:  "what looks like a credential (" + h.Rule + "): " + h.Why,
			Hint: "remove it from git, change it where it is used, and put the new one into a Secret of the cluster; a test makes its fakes at run time",
		})
	}
	return found
}

// der is data if it may be a key in DER, which has no text to be printed.
func der(data []byte) []byte {
	if len(data) > 0 && data[0] == 0x30 {
		return data
	}
	return nil
}

// hits scans, or reads what an earlier run of the same rules found in the same
// content. A cache that cannot be read or written is no cache.
func (s scanner) hits(f *file, content []byte) []secretscan.Hit {
	if s.cache == "" {
		return s.rules.Scan(f.Path, content)
	}
	sum := sha256.Sum256([]byte(s.rules.Version() + "\n" + f.OID + "\n" + path.Base(f.Path)))
	name := filepath.Join(s.cache, hex.EncodeToString(sum[:]))
	var hits []secretscan.Hit
	if data, err := os.ReadFile(name); err == nil && json.Unmarshal(data, &hits) == nil {
		return hits
	}
	hits = s.rules.Scan(f.Path, content)
	if data, err := json.Marshal(hits); err == nil {
		_ = s.write(name, data)
	}
	return hits
}

// write replaces a file in one step, so that a reader never sees a part of it.
func (s scanner) write(name string, data []byte) error {
	if err := os.MkdirAll(s.cache, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(s.cache, ".hits-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(data); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}
