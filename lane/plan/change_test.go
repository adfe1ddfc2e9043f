package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/lane/plan"
)

// modules are what the projects of the tests import.
const modules = `
-- example.com/ext@v1.0.0/go.mod --
module example.com/ext

go 1.16

require example.com/far v1.0.0
-- example.com/ext@v1.0.0/ext.go --
package ext

import "example.com/far/deep"

func Name() string { return deep.Name() }
-- example.com/ext@v1.1.0/go.mod --
module example.com/ext

go 1.16
-- example.com/ext@v1.1.0/ext.go --
package ext

func Name() string { return "v1.1.0" }
-- example.com/far@v1.0.0/go.mod --
module example.com/far

go 1.16
-- example.com/far@v1.0.0/deep/deep.go --
package deep

func Name() string { return "deep" }
-- example.com/idle@v1.0.0/go.mod --
module example.com/idle
-- example.com/idle@v1.0.0/idle.go --
package idle
-- example.com/idle@v1.1.0/go.mod --
module example.com/idle
-- example.com/idle@v1.1.0/idle.go --
package idle
-- example.com/fork@v1.0.5/go.mod --
module example.com/fork
-- example.com/fork@v1.0.5/ext.go --
package ext

func Name() string { return "fork" }
`

// shop is a project with one of each kind of service.
const shop = `
-- README.md --
-- go.mod --
module example.com/shop

go 1.26.0

toolchain go1.26.8

require (
	example.com/ext v1.0.0
	example.com/idle v1.0.0
	example.com/near v0.0.0
)

require example.com/far v1.0.0 // indirect

replace example.com/near => ./near
-- near/go.mod --
module example.com/near

go 1.21
-- near/near.go --
package near
-- near2/go.mod --
module example.com/near

go 1.21
-- near2/near.go --
package near
-- cmd/api/main.go --
package main

import (
	"example.com/ext"
	"example.com/shop/internal/store"
)

func main() { println(ext.Name(), store.Name()) }
-- cmd/api/main_test.go --
package main
-- cmd/plain/main.go --
package main

func main() { println("plain") }
-- cmd/tool/main.go --
package main

func main() { println("tool") }
-- cmd/worker/main.go --
package main

import (
	_ "example.com/near"
	"example.com/shop/internal/fast"
)

func main() { println(fast.Zero()) }
-- internal/store/store.go --
package store

import "embed"

//go:embed schema
var fs embed.FS

func Name() string { return "store" }
-- internal/store/linux.go --
//go:build linux

package store
-- internal/store/schema/one.sql --
-- internal/fast/fast.go --
package fast

func Zero() int
-- internal/fast/fast_amd64.s --
#include "zero.h"
TEXT ·Zero(SB),4,$0-8
	MOVQ ZERO, ret+0(FP)
	RET
-- internal/fast/zero.h --
#define ZERO $0
-- internal/fast/unread.h --
-- internal/unused/unused.go --
package unused
-- deploy/images/images.lock --
# images that Dockerfiles build on
image base registry.example.com/base@sha256:1111111111111111111111111111111111111111111111111111111111111111
image other registry.example.com/other@sha256:2222222222222222222222222222222222222222222222222222222222222222
-- deploy/images/tool.Dockerfile --
FROM base
COPY tool /tool
ENTRYPOINT ["/tool"]
-- web/Dockerfile --
FROM scratch
COPY archives/fonts/ /
COPY web/static /static
-- web/archives.lock --
# what the page is drawn with
archive fonts/sans sha256:4444444444444444444444444444444444444444444444444444444444444444 https://fonts.example.com/sans.tar.gz
-- web/static/index.html --
-- web/static/css/web.css --
-- web/notes.txt --
-- deploy/deploy.json --
{
  "apiVersion": "lane.agentrun.dev/v1", "kind": "Intent", "project": "shop", "lane": "v0.1",
  "cluster": { "name": "c1", "host": "C1", "worktreeRoot": "/root" },
  "source": { "repository": "git@example.com:shop.git" },
  "registry": { "address": "127.0.0.1:5000" },
  "ci": { "namespace": "shop-ci" },
  "services": [
    { "id": "worker", "kind": "deployment", "enabled": true, "build": { "go": "./cmd/worker" } },
    { "id": "api", "kind": "deployment", "enabled": true, "build": { "go": "./cmd/api" } },
    { "id": "plain", "kind": "deployment", "enabled": true, "build": { "go": "cmd/plain" } },
    { "id": "tool", "kind": "deployment", "enabled": true, "build": { "go": "./cmd/tool", "dockerfile": "deploy/images/tool.Dockerfile" } },
    { "id": "web", "kind": "deployment", "enabled": true, "build": { "dockerfile": "web/Dockerfile", "inputs": ["web/static/**"], "archives": "web/archives.lock" } },
    { "id": "off", "kind": "deployment", "enabled": false, "build": { "go": "./cmd/nowhere" } }
  ]
}
`

func newShop(t *testing.T) *source {
	t.Helper()
	sums := useProxy(t, modules)
	s := newSource(t, shop)
	s.files["go.sum"] = []byte(sums)
	return s
}

// TestE4_RebuildsExactlyWhatReadsTheChange: one edit at a time, and which
// services it rebuilds, and the reason that people read.
func TestE4_RebuildsExactlyWhatReadsTheChange(t *testing.T) {
	base := newShop(t)
	before := base.plan(nil)
	if got := built(before); got != "api plain tool web worker" {
		t.Fatalf("without a catalog %q is built", got)
	}
	const every = "api plain tool worker"
	tests := []struct {
		name, edit, built, reason string
	}{
		{"nothing", "", "", ""},
		{"a readme", "-- README.md --\nmore\n", "", ""},
		{"a test", "-- cmd/api/main_test.go --\npackage main\n\nvar x = 1\n", "", ""},
		{"a test that is not Go", "-- cmd/api/bad_test.go --\nno\n", "", ""},
		{"an unrelated package", "-- internal/unused/unused.go --\npackage unused\n\nvar X = 1\n", "", ""},
		{"a file for another system", "-- internal/store/x_windows.go --\npackage store\n", "", ""},
		{"an ignored file", "-- internal/store/gen.go --\n//go:build ignore\n\npackage main\n", "", ""},
		{"a header that nobody includes", "-- internal/fast/unread.h --\n#define X\n", "", ""},
		{"a C file, with cgo off", "-- internal/fast/x.c --\nint x;\n", "", ""},
		{"a nested module", "-- internal/store/schema/sub/go.mod --\nmodule sub\n-- internal/store/schema/sub/x.sql --\n", "", ""},
		{"a hidden file in an embedded folder", "-- internal/store/schema/.x --\n", "", ""},
		{"a main package", "-- cmd/plain/main.go --\npackage main\n\nfunc main() {}\n", "plain", "cmd/plain/main.go changed"},
		{"a new file", "-- cmd/plain/more.go --\npackage main\n", "plain", "cmd/plain/more.go added"},
		{"a removed file", "-- internal/store/linux.go --\nDELETE\n", "api", "internal/store/linux.go removed"},
		{"an embedded file", "-- internal/store/schema/one.sql --\nselect 1\n", "api", "internal/store/schema/one.sql changed"},
		{"a file added to an embedded folder", "-- internal/store/schema/deep/two.sql --\n", "api", "internal/store/schema/deep/two.sql added"},
		{"a build tag", "-- internal/store/linux.go --\n//go:build windows\n\npackage store\n", "api", "internal/store/linux.go removed"},
		{"assembly", "-- internal/fast/fast_amd64.s --\nTEXT ·Zero(SB),4,$0-8\n\tRET\n", "worker", "internal/fast/fast_amd64.s changed"},
		{"a header", "-- internal/fast/zero.h --\n#define ZERO $1\n", "worker", "internal/fast/zero.h changed"},
		{"a replacing folder", "-- near/near.go --\npackage near\n\nvar X = 1\n", "worker", "near/near.go changed"},
		{"the go line of a replacing folder", "-- near/go.mod --\nmodule example.com/near\n\ngo 1.22\n", "worker", "go line of example.com/near 1.21 → 1.22"},
		{"a comment in a replacing folder's go.mod", "-- near/go.mod --\nmodule example.com/near // near\n\ngo 1.21\n", "", ""},
		{"a profile", "-- cmd/api/default.pgo --\n", "api", "cmd/api/default.pgo added"},
		{"a profile where it is not read", "-- internal/store/default.pgo --\n", "", ""},
		{"a Dockerfile", "-- deploy/images/tool.Dockerfile --\nFROM base\nCOPY tool /bin/tool\n", "tool", "deploy/images/tool.Dockerfile changed"},
		{"a Dockerfile without Go", "-- web/Dockerfile --\nFROM scratch\nCOPY web/static /www\n", "web", "web/Dockerfile changed"},
		{"an input", "-- web/static/index.html --\n<p>\n", "web", "web/static/index.html changed"},
		{"an added input", "-- web/static/js/web.js --\n", "web", "web/static/js/web.js added"},
		{"a file beside the inputs", "-- web/notes.txt --\nmore\n", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := base.branch(t)
			s.edit(tt.edit)
			checkPlan(t, s.plan(before), tt.built, tt.reason)
		})
	}
	replacements := []struct {
		name, file, from, to, built, reason string
	}{
		{"an unrelated requirement", "go.mod", "example.com/idle v1.0.0", "example.com/idle v1.1.0", "", ""},
		{"a comment in go.mod", "go.mod", "module example.com/shop", "module example.com/shop // shop", "", ""},
		{"a patch release in the go line", "go.mod", "go 1.26.0", "go 1.26.1", "", ""},
		{"go.sum of an unrelated module", "go.sum", "example.com/fork v1.0.5/go.mod", "example.com/fork v1.0.6/go.mod", "", ""},
		{"a module's version", "go.mod", "example.com/ext v1.0.0", "example.com/ext v1.1.0", "api", "module example.com/ext v1.0.0 → v1.1.0"},
		{"a replacement by another folder", "go.mod", "=> ./near", "=> ./near2", "worker", "module example.com/near@v0.0.0 => ./near → => ./near2"},
		{"the toolchain line", "go.mod", "toolchain go1.26.8", "toolchain go1.26.7", every, "toolchain go1.26.8 → go1.26.7"},
		{"the go line", "go.mod", "go 1.26.0", "go 1.25.0", every, "go.mod: go 1.26 → 1.25"},
		{"a godebug line", "go.mod", "toolchain go1.26.8", "toolchain go1.26.8\n\ngodebug http2client=0", every, "go.mod: godebug http2client added: 0"},
		{"a base image", "deploy/images/images.lock", strings.Repeat("1", 64), strings.Repeat("3", 64), "tool", "base image base registry.example.com/base@sha256:111111111111… → registry.example.com/base@sha256:333333333333…"},
		{"a base image that nobody uses", "deploy/images/images.lock", strings.Repeat("2", 64), strings.Repeat("3", 64), "", ""},
		{"an archive", "web/archives.lock", strings.Repeat("4", 64), strings.Repeat("5", 64), "web", "archive fonts/sans sha256:444444444444… → sha256:555555555555…"},
		{"where an archive is", "web/archives.lock", "fonts.example.com", "mirror.example.com", "", ""},
		{"a comment about archives", "web/archives.lock", "# what", "# all that", "", ""},
		{"a comment in the lock", "deploy/images/images.lock", "# images", "# the images", "", ""},
		{"F6: what should run, not what it is made of", "deploy/deploy.json", `"kind": "deployment", "enabled": true, "build": { "go": "./cmd/api" }`, `"kind": "deployment", "enabled": true, "replicas": 5, "args": ["x"], "build": { "go": "cmd/api/" }`, "", ""},
		{"F6: another lane and cluster", "deploy/deploy.json", `"lane": "v0.1",`, `"lane": "v0.2",`, "", ""},
		{"the globs of inputs", "deploy/deploy.json", `"web/static/**"`, `"web/static/**", "web/*.txt"`, "web", "web/notes.txt added"},
		{"a service's first release", "deploy/deploy.json", `"id": "plain"`, `"id": "simple"`, "simple", "first release of this service"},
	}
	for _, tt := range replacements {
		t.Run(tt.name, func(t *testing.T) {
			s := base.branch(t)
			s.replace(tt.file, tt.from, tt.to)
			checkPlan(t, s.plan(before), tt.built, tt.reason)
		})
	}
	t.Run("a replacement by a version", func(t *testing.T) {
		s := base.branch(t)
		s.files["go.mod"] = slices.Concat(s.files["go.mod"], []byte("\nreplace example.com/ext => example.com/fork v1.0.5\n"))
		checkPlan(t, s.plan(before), "api", "=> example.com/fork@v1.0.5 h1:")
	})
}

func checkPlan(t *testing.T, p *plan.Plan, wantBuilt, wantReason string) {
	t.Helper()
	if got := built(p); got != wantBuilt {
		t.Errorf("built: %q, want %q; reasons:\n%s", got, wantBuilt, reasons(p))
	}
	if got := reasons(p); !strings.Contains(got, wantReason) {
		t.Errorf("reasons:\n%s\nwant among them:\n%s", got, wantReason)
	}
	for _, svc := range p.Services {
		if len(svc.Reasons) == 0 {
			t.Errorf("%s has no reason", svc.ID)
		}
	}
}
