// Package dispatch makes Jobs of queued runs and judges the attempts that do not end
// by themselves.
//
// In comes what the store and the cluster say; out go Jobs, made and deleted, and
// steps of runs (Next, Scheduled, Lose). For each attempt there is one Job, named after
// it: whoever makes it a second time finds it there. It is the runner's template with
// the attempt's name, labels and time limit, and with a token of the pod's own that
// only the manager takes.
//
// A Dispatcher goes through everything that is open in passes: when somebody calls Wake,
// when a Job or a pod changes, and every few seconds in any case. Each step may be
// repeated, and what a killed manager left half done is finished by the next pass of
// any replica. All replicas dispatch; the store sees to it that no attempt begins twice
// and no limit is passed.
//
// An attempt that the runner has not ended is given up when what the cluster says
// allows nothing else, read anew just before: its Job or pod has failed or is gone, or
// it did not start or end in time. The reason is the cluster's. How long something has
// lasted is measured by this process's own monotonic clock, from when this process saw
// it first, so that a clock that is set changes nothing; a manager that has just started
// waits longer rather than shorter. The step in the store comes first, the deletion of
// the Job after it: what is still running then is not heard any more.
//
// While the API server is away nothing is judged and nothing is lost. An attempt whose
// Job is refused for a while only, because a quota is used up or an admission webhook
// does not answer, waits; one that is refused for good is given up. No answer of
// Postgres is waited for without a limit: a machine that is gone does not say so. A Job
// of ours whose attempt has ended is deleted, unless it has finished and Kubernetes will
// do that itself. Jobs that have not the name and labels of an attempt are never touched.
package dispatch
