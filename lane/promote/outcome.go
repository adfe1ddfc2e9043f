package promote

import "github.com/pikasTech/agentrun/lane/catalog"

// Result is how a promotion ended.
type Result string

// The results of Apply, Init and Record.
const (
	Promoted        Result = "promoted"          // the branch has the new commit
	NothingToChange Result = "nothing-to-change" // the branch has this content already
	Superseded      Result = "superseded"        // a newer commit is promoted already
	Recorded        Result = "recorded"          // the branch has the lane's new metadata
)

// Outcome is what a promotion did.
type Outcome struct {
	Result   Result   `json:"result"`
	DryRun   bool     `json:"dryRun,omitzero"` // it ended before the push: Result and Changes are what would have been
	Branch   string   `json:"branch"`          // full ref
	Source   string   `json:"sourceCommitId"`  // the candidate
	Replaced string   `json:"replaced"`        // the source commit that was promoted before, "" for none
	Previous string   `json:"previousCommit"`  // what the branch pointed at, "" for nothing
	Commit   string   `json:"commit"`          // what it points at now
	Rounds   int      `json:"rounds"`          // how often it was decided, from 1
	Changes  Changes  `json:"changes"`
	Notes    []string `json:"notes"` // what a person should know

	// Catalog is that of Commit, or in a dry run that of what would have been: nobody
	// has to ask the remote for it again.
	Catalog *catalog.Catalog `json:"-"`
}
