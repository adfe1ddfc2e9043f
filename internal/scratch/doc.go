// Package scratch starts real servers that live as long as one call: Docker's
// registry, git over HTTP, Postgres. They listen on loopback and on free ports,
// or on a unix socket, keep everything in a folder that the caller gives, and
// are stopped by pid. When this process is killed they end with it.
//
// They are for rehearsals and tests: nothing in them is a release, and what they
// hold is thrown away with the folder. A server that is not installed, or does
// not come up in time, is an error with a hint; nothing is downloaded, and
// nothing outside the folder is written.
package scratch
