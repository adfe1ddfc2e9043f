// Package codex drives `codex app-server`, the agent as a program that is spoken to
// over its standard input and output, one JSON object a line.
//
// Start runs the program and Session.Open brings it to where a turn can begin:
// initialize, account, thread. From then on Next gives what it says, in order, and
// the caller answers its questions. End is the stop ladder: end of input, SIGTERM,
// SIGKILL of the whole group.
//
// What the program says is untrusted: a line is read into bounded memory and
// refused when it is longer than MaxLine, members that are not known are ignored, and
// ids are echoed as they came. A line that is no message is skipped. The program gets
// only the environment that its Command names, so no credential of this process
// reaches it or the commands that it runs.
//
// The package knows the protocol and nothing of runs: it writes no file, retries
// nothing, and decides nothing. It was made with codex-cli 0.169.0; a test holds it
// against that program.
package codex
