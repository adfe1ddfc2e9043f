// Package examples holds a second project, so that nothing in lane/ knows the
// first one.
//
// shop/ is a whole source tree: another name, cluster and registry, two Go
// services that share a package, one of which embeds a file, and a service of
// static files that has only a Dockerfile. It is a module of its own, which Go
// does not embed, so tests copy it from disk into a fresh git repository. There
// is no code here.
package examples
