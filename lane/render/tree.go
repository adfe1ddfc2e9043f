package render

import (
	"slices"

	"github.com/pikasTech/agentrun/internal/canon"
)

// Tree is manifests: path from the root of the GitOps branch, slash separated,
// to content.
type Tree map[string][]byte

// Digest is the hash of all paths and contents, "sha256:<hex>": the catalog's
// renderDigest.
func (t Tree) Digest() string {
	inputs := make([]canon.Input, 0, len(t))
	for path, content := range t {
		inputs = append(inputs, canon.Input{Name: path, Value: canon.Digest(content)})
	}
	return canon.Identity(inputs)
}

// Paths are the tree's paths, sorted.
func (t Tree) Paths() []string {
	paths := make([]string, 0, len(t))
	for path := range t {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}
