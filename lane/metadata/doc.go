// Package metadata is what a lane keeps for itself beside its manifests, below
// <runtime path>/.lane/ on the GitOps branch: the hold that keeps newer releases
// out, and the records of live hotfixes (rule H3).
//
// ParseHold and ParseHotfix read bytes that nobody trusts and refuse, by name,
// whatever is not a whole document of the lane in canonical form. Encode gives the
// canonical bytes. Read gathers all documents of a branch; what cannot be read
// is told beside those that can.
//
// What holds: every text is one line of printable characters, so that it can be
// shown to a terminal or on a page; times are UTC in whole seconds; a record's scope
// names objects and fields, and nothing stands for all of them.
//
// The package is pure: it reads no file, and what time it is it is told. It does not
// know what drifted, and never decides whether a release may go on: it says
// whether a hold or a record is live, and what a record covers.
package metadata
