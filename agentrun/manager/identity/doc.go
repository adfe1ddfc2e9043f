// Package identity says whose pod a runner's token is of.
//
// In comes a projected ServiceAccount token that the runner sends; out goes the pod
// that the cluster bound it to. A Verifier checks the token by itself: the signature by
// the API server's public keys, which it keeps, and issuer, audience, times, namespace
// and ServiceAccount. The signature of a token is checked once as long as the keys are the
// same, the rest each time. CheckPod asks the API server once, when a pod claims an attempt,
// whether the pod is there and made by the attempt's Job.
//
// Whatever is wrong with a token is ErrToken, and the error says what without any part
// of it. ErrUnavailable is that the keys cannot be had, or that the token names a key
// that was looked for a moment ago: the same token may be good a little later. The API
// server is asked for keys when there are none or they are old, and for a key that is
// not known, but never more often than every Pause, whatever tokens come.
//
// The package reads no Secret and writes nothing.
package identity
