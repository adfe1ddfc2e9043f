package verify

import (
	"time"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/render"
)

// Seen is one part of the evidence: what was seen, or why it was not. The zero
// value was not looked for.
type Seen[T any] struct {
	Value T
	Found bool
	Gap   Gap       // when not Found
	At    time.Time // when it was, of what may change
}

// Asked is the part with the time at which it was seen.
func (s Seen[T]) Asked(at time.Time) Seen[T] {
	if s.Found {
		s.At = at
	}
	return s
}

// Gap is why something was not seen.
type Gap struct {
	Cause Cause
	Why   string // one line
	Hint  string // what would let it be seen
}

// Cause is the kind of a Gap.
type Cause string

// The causes. Absent and Refused are themselves observations: the thing was asked
// for and is not there, or is there and no lane would have made it.
const (
	Unasked     Cause = ""            // nobody looked
	Unreachable Cause = "unreachable" // nobody answered
	Forbidden   Cause = "forbidden"   // the account may not see it
	NoKind      Cause = "no-kind"     // the server does not serve such objects
	Absent      Cause = "absent"      // there is no such thing
	Refused     Cause = "refused"     // it breaks a rule by itself
	Elsewhere   Cause = "elsewhere"   // it can only be seen from another place
	Failed      Cause = "failed"      // anything else
)

// See is a part that was seen.
func See[T any](v T) Seen[T] { return Seen[T]{Value: v, Found: true} }

// Miss is a part that was not.
func Miss[T any](g Gap) Seen[T] { return Seen[T]{Gap: g} }

// Evidence is all that a verdict rests on.
type Evidence struct {
	Names    names.Names
	Intent   *intent.Intent // where the registry, the repository and the cluster are
	At       time.Time      // when it was gathered
	Skip     bool           // the worktree is left out on purpose
	Offline  bool           // the cluster is left out on purpose
	Live     Live
	Argo     Argo
	Gitops   Seen[Gitops]
	Release  Release
	Images   map[string]Seen[Image] // by repository@digest
	Tekton   Tekton
	Source   Source
	Worktree Seen[Worktree]
	Clues    []string // what was looked at elsewhere than where it really is
	// Steady is for a status alone, which then does not look for it in the rest: nor is
	// the rest whole.
	Steady Seen[Steady]
}

// Live is the lane's namespace.
type Live struct {
	Namespace Seen[Object]
	Lists     []List         // each kind of object in the namespace
	Complete  Seen[bool]     // whether Lists has every kind that the server serves
	Events    Seen[[]Event]  // warnings
	Logs      Seen[[]LogEnd] // of terminated containers
}

// List is the objects of one kind in the namespace.
type List struct {
	Group        string
	Kind         string
	MetadataOnly bool // Secrets, and kinds that a render never writes
	Objects      Seen[[]Object]
}

// Event is one warning of the cluster. Its texts hold no secret.
type Event struct {
	Object  string // kind and name
	Reason  string
	Message string
	Count   int
	Last    time.Time
}

// LogEnd is the end of a terminated container's log, or why there is none.
type LogEnd struct {
	Pod, Container string
	Reason         string // why the container ended
	ExitCode       int
	Lines          []string // without anything that looks like a secret
	Why            string
}

// Argo is what Argo CD wants and says.
type Argo struct {
	Application  Seen[Object]
	AppProject   Seen[Object]
	Applications Seen[[]Object] // all in Argo CD's namespace, without their status
	SyncedTree   Seen[string]   // git tree of the revision that the Application is at
}

// Gitops is the head of the GitOps branch.
type Gitops struct {
	Commit  string
	Tree    string
	Message string
	Catalog *catalog.Catalog
	Files   map[string][]byte // every regular file
	Odd     []string          // paths that are links, programs or submodules
	Secrets []string          // where something looks like a credential, and why
	// Signature says who signed the commit.
	Signature Seen[Signature]
	// Below is the commit that promoted, when the head only changed the lane's
	// metadata since.
	Below Seen[Promotion]
	// Restored is the commit that a rollback says it has the content of.
	Restored Seen[Promotion]
	// Replaced is the commit that a restart stands on: the one that promoted, or the one
	// that a rollback brings back, when that only replaced pods.
	Replaced Seen[Replaced]
}

// Replaced is the commit before one that only replaced pods.
type Replaced struct {
	By      string // the commit that replaced them
	Parents int    // how many that one has
	Commit  string // its parent, when it has one
	Catalog *catalog.Catalog
	Changed []string // files that the two differ in, the lane's metadata included
}

// Promotion is a commit of the branch that promoted.
type Promotion struct {
	Commit    string
	Message   string
	Signature Seen[Signature]
	// Against is what shows that the head does not have its content, or that it does
	// not stand where the head says.
	Against []string
}

// Signature is what the signature of a commit is worth.
type Signature struct {
	State SignatureState
	By    string // the key or its owner
	Why   string // when bad
}

// SignatureState is the kind of a Signature.
type SignatureState string

// The states of a signature.
const (
	Signed   SignatureState = "signed"   // by a key that the intent names
	Unsigned SignatureState = "unsigned" // by nobody
	Bad      SignatureState = "bad"      // by another key, or not of this commit
)

// Release is the released commit, the catalog's.
type Release struct {
	Intent   Seen[*intent.Intent]
	Rendered Seen[*render.Rendering] // the catalog with that intent, by this program
	Earlier  Seen[map[string]string] // digest → source commit, of earlier catalogs; looked for only when a pod has it
}

// Image is a manifest as the registry has it. One that it does not have is a gap
// that is Absent.
type Image struct {
	Config   string // digest of the config: equal ones are equal images
	Identity string // what the image says that it was built from
}

// Tekton is what is known of runs and of what they are made from.
type Tekton struct {
	Run       Seen[Object]   // that promoted; Absent once Tekton has forgotten it
	TaskRuns  Seen[[]Object] // of Run
	Runs      Seen[[]Object] // all PipelineRuns of the lane, without the Pipeline that each was made from
	Others    Seen[[]Object] // TaskRuns of all runs of the released commit; looked for only when Run proves too little
	Expected  Seen[[]Object] // what lane makes
	Live      []Seen[Object] // the same objects, in the same order, as they are
	Workloads Seen[[]Object] // what stays running in the Tekton namespace
}

// Source is the source branch, as its origin has it.
type Source struct {
	Head     Seen[string]        // commit of the branch
	Contains Seen[bool]          // whether it contains the released commit
	Authors  Seen[[]string]      // who wrote the released commit and the head
	Findings Seen[fail.Findings] // of lane check for the released commit
}

// Worktree is the fixed worktree on the cluster's host.
type Worktree struct {
	Path   string
	Ref    string // that HEAD names, "" when detached
	Head   string // commit
	Origin string // commit of the source branch on its origin
	Dirty  []string
}
