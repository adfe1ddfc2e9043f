// Package client speaks to AgentRun's public API.
//
// A Client has the manager's address and an API token. Its methods take and give
// the documents of package run. What may be repeated without harm is repeated while
// the manager is away or asks for patience, until Client.Patience is over: reading,
// cancelling, and submitting too, because each submission carries an idempotency
// key. Making a token is not repeated once the manager may have heard of it.
//
// Watch gives the events of a run in their order, each once, over as many
// connections as it takes, and ends after the run's end.
//
// What the manager refuses is a *Problem. Answers are bounded: one that is longer
// than its kind can be is an error, and so is a stream's message. Bytes of artifacts
// are passed on as they come and checked against their SHA-256.
//
// The token is sent to the address alone: redirections are not followed. No error
// holds it. The package reads no file, no environment and keeps nothing.
package client
