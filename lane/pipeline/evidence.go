package pipeline

// The tasks of a lane's Pipeline, in their order; check and plan go side by side.
const (
	TaskPrepare = "prepare-source"
	TaskCheck   = "check"
	TaskPlan    = "plan"
	TaskPublish = "publish"
	TaskPromote = "promote"
)

// The results that tasks leave behind. They are small on purpose: documents
// travel by the workspace, and what stays is what they can be recognised by.
const (
	ResultCommit    = "commit"    // of prepare-source: the source commit, full id
	ResultBuild     = "build"     // of plan: how many services are to be built
	ResultPlan      = "plan"      // of plan: digest of the plan's document
	ResultPublished = "published" // of publish: digest of the published images' document
	ResultOutcome   = "outcome"   // of promote: promoted, nothing-to-change or superseded
	ResultGitops    = "gitops"    // of promote: the commit that the GitOps branch is at, full id
	ResultServices  = "services"  // of promote: digest of the catalog's services section
)

// The labels of a PipelineRun, by which it is found.
const (
	LabelProject = "lane.agentrun.dev/project"
	LabelLane    = "lane.agentrun.dev/lane"
	LabelCommit  = "lane.agentrun.dev/commit" // full id
	// LabelRollback is of runs that go back: the commit of the GitOps branch, full id.
	LabelRollback = "lane.agentrun.dev/rollback"
	// LabelRestart is of runs that replace pods: the generation.
	LabelRestart = "lane.agentrun.dev/restart"
)

// The parameters of a lane's Pipeline.
const (
	ParamCommit   = "commit"   // the source commit, full id
	ParamRollback = "rollback" // the commit of the GitOps branch to go back to, full id; "" in a release
	ParamHold     = "hold"     // the hold that a rollback brings, as a document; "" in a release
	ParamRestart  = "restart"  // whose pods to replace: services=generation; "" in a release
)
