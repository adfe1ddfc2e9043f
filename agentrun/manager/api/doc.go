// Package api answers HTTP for a store: the public API under /v1/, which users'
// tokens open, and the runner API under /runner/v1/, which the tokens of runners'
// pods open. Document gives the OpenAPI document of both, made from the handlers
// themselves.
//
// In and out is JSON with camelCase names. Unknown fields and parameters, wrong types
// and bodies over the limit of their operation are refused. Every refusal is an RFC
// 9457 Problem whose code is a word for programs and whose errors name the fields. What
// belongs to another project does not exist. When Postgres cannot answer, the answer is
// 503 with Retry-After, and nothing is half done.
//
// The events of a run are read page by page, or live as text/event-stream. A Hub
// carries live events: within the replica straight from the request that stored them,
// across replicas by one NOTIFY for many runs, and in any case from Postgres within two
// seconds. A stream has every event once and in order, resumes after any event, and
// ends after the run's last event, or within ten seconds after its token is revoked or
// has expired: one question in five seconds looks at the tokens of all streams. A reader
// that does not read is cut off: it costs the others nothing, and never more memory
// than one write.
//
// What runners send is bounded before it is read, because their agents can send it too: a
// pod has one report, one ending and one upload under way, and all pods together so many
// bytes; who comes beyond that is answered 503. A file is sent in pieces, so that it needs
// little memory and a slow reader costs nobody else anything.
//
// No answer and no log line holds a token, nor a value that a request had.
package api
