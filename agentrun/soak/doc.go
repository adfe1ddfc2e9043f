// Package soak holds what no package can be tested for alone: managers, Postgres,
// runners and clients together, as they are released, on a machine without a cluster.
//
// All but this comment is tests. In place of the cluster stands the API server of
// kubetest with controllers that really run a Job's pod, as processes: the runner's
// program, with codex/fakecodex as its Codex and a token that is signed as Kubernetes
// signs it. In place of the Service stands a listener before two managers.
//
// TestRuns goes the ways of a user by the command line. TestSoak makes many runs while
// managers, runners and Postgres are killed, Jobs are deleted and streams are cut, and
// looks afterwards at what must hold whatever happens: each run has ended, for a cause
// that it had, with each event once and in order, and nothing of it is left running.
// AGENTRUN_SOAK_RUNS says how many runs, AGENTRUN_SOAK_SEED repeats the choices of
// another time, as far as the machine lets it.
package soak
