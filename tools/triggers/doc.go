// Package triggers holds the objects that lane prints for Tekton Triggers against the
// real thing: its tests decode them strictly into the types of Tekton, run the
// validation that Tekton's admission runs, and send a signed push through Tekton's own
// interceptors and templates to see which run comes out.
//
// It is a module of its own, because those types bring five hundred others with them,
// and it holds nothing but tests.
package triggers
