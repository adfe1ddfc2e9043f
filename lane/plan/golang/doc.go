// Package golang says what a Go program is compiled from: of one commit, for one
// main package, exactly the files, module versions and go.mod directives that
// `go build` uses.
//
// Input is a tree.Tree and folders of main packages; output is one Program each.
// The settings of the build are fixed here (Flags, Environment) and shared with
// whoever compiles: linux/amd64, no cgo, no workspace, no vendor folder, nothing
// from the user's Go configuration but where modules come from.
//
// A Loader is fast because it asks git, not a checkout: it runs Go's own
// go/build over the commit's blobs, and keeps what it learns about a folder's
// content or a module's package in a Memo. It follows the go command's rules for
// build constraints, embedding, nested modules, replacements, internal packages
// and ambiguous imports. Test files never count. Where it is not certain to
// decide as the go command does (an older go.mod, one that is not tidy, a
// toolchain newer than itself) it asks `go list` in a folder of the commit's
// files instead; it never guesses.
//
// Refused, with a hint: what does not build (no main package, a missing or
// ambiguous import, an import cycle, foreign internal packages), links that
// leave the tree, replacements outside it, sums that go.sum does not have, and
// assembly that includes a header which Go's build cache does not watch.
package golang
