package render

import (
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/names"
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

// Complete proves that a GitOps branch that has exactly the given paths holds
// the catalog, the tree, the lane's metadata and nothing else (rule C3). The
// error is a fail.Findings with every path that is missing or left over.
func (t Tree) Complete(paths []string, n names.Names) error {
	missing := map[string]bool{n.ArtifactCatalog: true}
	for path := range t {
		missing[path] = true
	}
	var wrong fail.Findings
	for _, path := range paths {
		if !missing[path] && !strings.HasPrefix(path, n.Metadata()+"/") {
			wrong = append(wrong, fail.Finding{Rule: "C3", File: path, Why: "no catalog, manifest or metadata of this lane", Hint: "promote again: what a release does not render has to go"})
		}
		delete(missing, path)
	}
	for path := range missing {
		wrong = append(wrong, fail.Finding{Rule: "C3", File: path, Why: "missing from the GitOps branch", Hint: "promote again: all of a release goes in one commit"})
	}
	wrong.Sort()
	return wrong.Err()
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
