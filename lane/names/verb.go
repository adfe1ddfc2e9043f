package names

// Verb begins the message of a commit on the GitOps branch: what was done there.
type Verb string

// The verbs, by who writes them.
const (
	Init     Verb = "init"
	Promote  Verb = "promote"
	Rollback Verb = "rollback"
	Restart  Verb = "restart"
	Retire   Verb = "retire"

	// Of commits that change the lane's metadata alone.
	Hold        Verb = "hold"
	ReleaseHold Verb = "release-hold"
	Hotfix      Verb = "hotfix"
	EndHotfix   Verb = "end-hotfix"
)

// Verbs are all of them: promote writes no other, so that check knows every message
// that must not stand in a source branch.
func Verbs() []Verb {
	return []Verb{Init, Promote, Rollback, Restart, Retire, Hold, ReleaseHold, Hotfix, EndHotfix}
}
