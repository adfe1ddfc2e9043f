// Package promote puts a release on the lane's GitOps branch: catalog and
// manifests, as one commit, by compare-and-swap (rules C3, C5, D4, E6).
//
// Input is a Release: the source commit and a function that makes the wanted
// content for the head that it is given. Output is an Outcome: promoted,
// nothing-to-change or superseded, with the commits and the files that differ.
// Init makes the branch with the lane's first catalog; nothing else ever does.
// Record changes the lane's metadata alone, by a commit that names the promotion
// below it. Head, Content and Look read the branch, Walk its history, Past an earlier
// commit of it, and Promotion finds the one that promoted a source commit.
//
// What holds:
//   - The branch afterwards has exactly the wanted files and, byte for byte, the
//     regular files of the lane's metadata (<runtime path>/.lane/) of the head. Files of removed
//     services and files that somebody added by hand are gone.
//   - The branch only moves by one commit on top of the head that was decided
//     on. A remote that moved meanwhile is read again and everything is decided
//     again, with growing random pauses, until the promotion ends or its context
//     does. Promoters need not know of each other.
//   - A live hold on the branch keeps every other release out, also when it comes
//     between reading and pushing, but for a restart, which is the same release with
//     other pods. One that has expired goes with the next promotion.
//   - A rollback puts the content that it is given and its hold there in one commit.
//   - Source order is monotonic: a commit that the promoted one already contains
//     is superseded, unless it is a rollback, or a restart, of which Make says that
//     another release is there now. A commit that is not on the source
//     branch is refused (rule E1). When history was rewritten, so that the promoted
//     commit is no longer on the source branch, the candidate goes ahead and the
//     outcome says so.
//   - The same content is no commit.
//   - A branch that is missing, was deleted meanwhile, or whose catalog cannot be
//     read is refused by rule C5. There is no fallback to anything.
//   - A process that is killed at any moment leaves the branch at the old or the
//     new commit, and a local cache that the next run either uses or replaces.
//
// Holds are judged by the Branch's clock. The history is fetched as commits alone, into
// a repository of its own in the cache folder.
//
// The cost follows the change: objects are written without a checkout into a bare
// repository in the cache folder, the head that was seen there last is believed
// until the push says otherwise, and only then is anything fetched. Whatever is
// not a push (nothing to change, superseded, every refusal) is confirmed with the
// remote first.
//
// The package writes the GitOps branch and its cache folder. It never writes a
// source branch (rules D3, F7), a registry or a cluster, and never creates the
// branch outside Init.
package promote
