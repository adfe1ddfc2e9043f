package check

// Rule is one of the rules that a source tree is judged by.
type Rule struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// Rules are the rules that Run can report, in their order.
func Rules() []Rule {
	return []Rule{
		{"A1", "every name of a lane follows from project, version and cluster"},
		{"A5", "retired dev and prod environments are named only where they are called retired"},
		{"A6", "no public entry can be declared"},
		{"B2", "the host's network is no choice"},
		{"B3", "the pipeline's proxy keeps away from what must be reached directly"},
		{"B4", "network facts and Tekton objects come from deploy/deploy.json alone"},
		{"C1", "the source branch holds what people write"},
		{"C2", "the source branch tracks nothing that a release makes, whatever its name or form"},
		{"C4", "no credential stands anywhere in source"},
		{"D1", "deploy/deploy.json says all that the lane runs, and what it refers to is there"},
		{"D2", "deploy/deploy.json holds no credential and nothing that a release makes, and has no fault of form"},
		{"E3", "documents are there and their links lead somewhere"},
		{"E9", "nothing of the old release way is left"},
		{"G5", "Secrets are those of the page of secret distribution"},
		{"G7", "a home is filled from one Secret, read-only"},
	}
}
