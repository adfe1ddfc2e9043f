// Package pipeline makes the Tekton and Argo CD objects of a lane (rules B1, B2,
// B3, B4, E1 to E6, G2, G3).
//
// Input is an intent, the lane's names and the pinned reference of the image that
// the steps run in; output are objects, each as YAML that a person reads and as
// the fields that it holds. Tekton gives what a cluster needs to release the
// lane: the Tekton namespace, the lane's ServiceAccount and volume claim, and its
// Pipeline. Argo gives the AppProject and the Application. Run gives the
// PipelineRun of one commit: that releases it, goes back to it, or replaces pods of it.
// Triggers gives what starts that run for a push.
//
// What always holds: names come from lane/names and network facts from the intent
// (rule B4), so none is written twice. A run's pods use the host's network (rule
// B2) and carry the proxy with the registry and loopback taken out (rule B3).
// They run as a user without rights: no capability, no escalation, a read-only
// root file system and no token of the ServiceAccount, which may do nothing. The
// one exception is the step that builds images: BuildKit makes a user namespace
// for itself, which the default seccomp profile forbids, so that step has the one
// that the intent names, which Seccomp gives for the nodes, or none.
// Git's credentials are mounted where git talks to the remote, and the key that
// signs promotions where promotions are made. No value is ever part of a shell
// line: scripts are constant, and what varies reaches them as environment.
//
// The package is pure: it asks no cluster and reads no file. It refuses an image
// that is not pinned by digest.
package pipeline
