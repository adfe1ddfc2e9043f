package plan

import (
	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/lane/plan/archives"
)

// Component is what one service's image is made of at one commit.
//
// Its identity is the hash of Inputs, and equal identities mean equal images.
// That does not rest on plan finding every file. It rests on who reads what:
//
//   - The compiler runs in an empty folder that holds Files and nothing else,
//     with the fixed flags and environment of GoFlags and GoEnvironment. A file
//     that was missed is a build that fails or a program without it, never a
//     program that depends on something the identity does not cover.
//   - go.mod and go.sum are in Files and are no inputs as a whole, so that an
//     unrelated requirement rebuilds nothing. What they can do to the program is:
//     the directives, which are inputs one by one, and the choice of modules.
//     The binary records that choice, and publish refuses one that does not
//     record exactly Modules.
//   - The image builder sees a context that holds Copies, the binary, the unpacked
//     Archives, whose bytes are proved, and nothing else, Bases pinned by digest,
//     and no network.
type Component struct {
	ServiceID string
	Inputs    []canon.Input // sorted; every name stands once

	// For services with a Go program; empty for others.
	Package    string   // import path of the main package
	ModuleRoot string   // folder of the main module in the tree, "." at the top
	Toolchain  string   // such as go1.26.8; builds run with GOTOOLCHAIN set to it
	Files      []File   // what the compiler reads, sorted by path
	Modules    []Module // what the binary must record, sorted by path

	// For services with a Dockerfile; empty for those with lane's own.
	Dockerfile File
	Bases      map[string]string // name in FROM → reference@digest
	Copies     []File            // files of the context beside the binary, sorted by path
	Archives   *archives.Lock    // what is in the context's folder of that name; nil for nothing
	OwnRoots   bool              // the context has lane's own list of certificate authorities
	HasRun     bool              // it has RUN instructions, so its build needs more rights
}

// Identity is the component's identity, "sha256:<hex>".
func (c *Component) Identity() string { return canon.Identity(c.Inputs) }

// File is one regular file of the commit.
type File struct {
	Path string // slash separated, from the top of the tree
	Mode string // "100644" or "100755"; always the former where the compiler reads, which sees no modes
	OID  string // the blob; of a symbolic link it is the blob that the link leads to
}

// Module is an external module, or one replaced by a folder, that a program uses.
type Module struct {
	Path    string
	Version string
	Sum     string  // "h1:…" from go.sum; "" when Replace is set
	Replace *Module // what stands in for it; Version and Sum are "" when that is a folder
}
