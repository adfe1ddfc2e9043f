// Package verify judges whether what runs is a lane's release (rules I1 to I10,
// and E7, E8, E9, F2 to F4, G1 to G3, H2 to H4 and what else a look at the live
// lane can tell).
//
// Input is Evidence: plain data of what was seen, part by part, or why a part
// could not be seen. Output is a Verdict: one Finding for each rule, which is
// matched, contradicted, unknown or skipped, with the observations behind it, in
// the order of acceptance: live runtime, Argo CD, GitOps branch, Tekton, worktree.
//
// Judge is pure: it asks nothing and nobody, and knows no time but that of the
// evidence. What always holds:
//   - A rule is matched only by something that was seen. A part that was not seen
//     makes each rule that needs it unknown, with the reason (rule I9).
//   - What the live record of a hotfix covers is matched, and the record is named;
//     holds are told and decide nothing.
//   - A verdict is accepted when no rule is contradicted or unknown. Only the
//     worktree can be left out, and then the verdict says so.
//   - No observation holds a value of a Secret, nor anything that a terminal
//     would obey.
//
// Parse reads a verdict back. Text writes it for people. Evidence is gathered by
// the package observe; this one reaches neither cluster, registry nor git.
package verify
