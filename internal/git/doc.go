// Package git is the only place that talks to the git program, and it does so
// through plumbing alone: no checkout, no index, no porcelain that may change
// its words.
//
// A Repo is opened from any folder of a work tree or a bare repository (Open),
// or is a bare one that the caller owns (Create). It resolves revisions to full
// commit ids, lists trees, reads blobs and commits, answers ancestry, and writes
// commits straight into the object store. A Remote is asked for its refs,
// fetched from, and pushed to by compare-and-swap. A Writer and a Pusher begin
// early what a commit and its push need.
//
// What holds for every call:
//   - Ids are 40 lower-case hex digits. Other object formats are refused.
//   - Refs are full ("refs/heads/v0.1"); a short name could mean a tag.
//   - The environment cannot point git elsewhere: of the GIT_ variables only
//     those about transport, credentials and configuration files pass. Hooks,
//     replace refs, grafts, prompts, automatic maintenance and the file system
//     monitor are off. The user's own configuration (ssh, proxies, credentials)
//     still works.
//   - Arguments go to git as they are, never through a shell, and nothing that a
//     caller gives can be read as an option.
//   - What git and remotes answer is untrusted: it is bounded, parsed by our own
//     strict parsers, and cleaned of control characters and of credentials in
//     URLs before it appears in an error.
//   - The result of a push is judged by the refs of the remote, never by git's
//     English.
//   - No call changes a user's clone: what writes (Create, WriteCommit, Fetch)
//     is for repositories that the caller owns.
package git
