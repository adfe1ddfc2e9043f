// Package lanes opens version lanes in the lab, with the commands and in the order
// that a person uses on a real cluster: push the source, make the first catalog,
// apply the lane's Tekton and Argo CD objects, create its Secrets.
//
// In goes a running lab, the lane program, the toolchain image as an OCI layout and
// the commit of a repository to begin with; out comes a Lane, whose clone a person
// or a test commits to and releases from. What has to differ from the real host is
// one commit on top: where the work tree and git are, who signs promotions, what
// confines the step that builds, and which toolchain image this machine made. So the
// clone is the lane's own worktree, as a verdict wants it. Passwords and keys are made
// when a lane is opened and stand in the lab's folder alone, for its owner.
package lanes
