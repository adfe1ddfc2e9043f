package check

import (
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/memo"
	"github.com/pikasTech/agentrun/internal/secretscan"
)

// Whatever a file holds, looking at it ends, and what is found is somewhere in it.
func FuzzFile(f *testing.F) {
	own := newOwner(nil, []byte(`{"project":"harbor","lane":"v0.2","cluster":{"name":"k7","host":"K7","worktreeRoot":"/"},"ci":{"namespace":"harbor-ci"},"services":[{"id":"harbor-api"}]}`))
	if !own.known() {
		f.Fatal("no owner")
	}
	j := &judge{intents: &intents{top: own}, secrets: secretscan.Remembered{Rules: secretscan.Default(), Memo: memo.Open("")}}
	f.Add("a.md", []byte("# harbor-dev\n\n- retired: [x](y.md#z) harbor_prod\n\n| a |\n"))
	f.Add("a.yaml", []byte("apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {namespace: harbor-ci}\n---\nkind: Catalog\nproject: harbor\nlane: v0.2\n"))
	f.Add("a", []byte("\xff\xfea\x00\x1f\x8b"))
	f.Add("b.sh", []byte("NO_PROXY=x harbor/harbor-api@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde0"))
	f.Fuzz(func(t *testing.T, path string, data []byte) {
		file := newFile(git.Entry{Path: path, Mode: git.ModeFile, Type: "blob", OID: git.BlobID(data)}, data)
		found := append(file.foreign(), j.credentials(file)...)
		if file.text == nil {
			return
		}
		for _, look := range []func(*checked, *owner) fail.Findings{j.generated, j.retired, j.network, j.legacy} {
			found = append(found, look(file, own)...)
		}
		p := readPage(file)
		for _, l := range p.links {
			if l.offset > len(file.text) {
				t.Fatalf("a link at %d of %d", l.offset, len(file.text))
			}
		}
		for _, finding := range found {
			if finding.File != path || finding.Line < 0 || finding.Line > len(file.text)+1 || finding.Rule == "" {
				t.Fatalf("finding %+v", finding)
			}
		}
	})
}

type checked = file
