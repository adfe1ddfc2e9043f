// Package manager is AgentRun's service.
//
// New checks a Config, all of it at once, and Run serves HTTP until its context
// ends:
//
//	GET /healthz  200 while the process serves; asks nothing else
//	GET /readyz   200 {"ready": true}, or 503 application/problem+json whose
//	              reasons name each part that is not ready: postgres, which is
//	              really asked, schema, which must be up to date, jobTemplate,
//	              which is really read, and shutdown
//	GET /version  200 {"commit", "digest", "lane"}: what the environment said
//	              of the image, "" where it said nothing
//	GET /metrics  figures for Prometheus
//	/v1/          the API of package api for users, described by /openapi.json
//	/runner/v1/   the API of package api for runners
//	/             what Config.Page makes for people
//
// The manager starts while Postgres is away and gets ready when it comes; it
// brings the schema up to date first, one replica at a time, and asks for no table
// before: until then the API answers 503. A migration that stands still because
// Postgres is silent, or because of others, is given up, told and tried again. The Job template is
// read each time it is needed, so a release of the runner needs no restart of the
// manager. Replicas are equal: all they know of each other is in Postgres.
//
// When the context ends, no run is dispatched any more, and readiness goes first,
// so that nobody sends new requests; after Config.DrainDelay no connection is
// accepted any more, streams of events are ended, for their readers to go on at
// another replica, the requests under way are finished, and then the connections
// to Postgres are closed. Requests that outlast Config.ShutdownTimeout are cut off, and that is
// an error.
//
// Neither an answer nor a log line holds any part of the database URL. What is
// answered says nothing of hosts and users either: reasons are this package's
// own sentences. The package reads no environment variable and writes no file.
package manager
