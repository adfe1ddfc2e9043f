// Package names derives every name that a version lane owns from three things:
// the project, the lane's version and the cluster (rules A1 and A2). It also has the
// verbs that a lane's commits begin with.
//
// Nothing else in the tree spells such a name, and no name can be overridden one
// by one. Two different lanes never share a name, a path, a ref or an object,
// except the Tekton namespace and the registry, which rule A1 shares on purpose.
// For is pure: it reads no file and asks no cluster. It refuses a project,
// version or cluster that would give an ambiguous or an invalid name, and the
// retired dev and prod names of rule A5.
package names

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/pikasTech/agentrun/internal/fail"
)

// Cluster is where a lane runs.
type Cluster struct {
	Name         string // lower-case letters and digits, such as "g14": part of paths and names
	Host         string // the machine that holds the source worktree, such as "G14"
	WorktreeRoot string // absolute folder on that machine, such as "/root"
}

// Names are all names of one lane.
type Names struct {
	Project string `json:"project"`
	Lane    string `json:"lane"`
	Cluster string `json:"cluster"`

	SourceBranch   string `json:"sourceBranch"`   // v0.1
	SourceWorktree string `json:"sourceWorktree"` // G14:/root/agentrun-v01
	TaskWorktree   string `json:"taskWorktree"`   // G14:/root/agentrun-v01/.worktree/{task}

	GitopsBranch    string `json:"gitopsBranch"`    // v0.1-gitops
	ArtifactCatalog string `json:"artifactCatalog"` // path on the GitOps branch
	RuntimePath     string `json:"runtimePath"`     // path on the GitOps branch

	RuntimeNamespace string `json:"runtimeNamespace"` // agentrun-v01
	Database         string `json:"database"`         // agentrun_v01, the Postgres database of rule G6

	TektonNamespace      string `json:"tektonNamespace"`      // shared by all lanes of a cluster
	Pipeline             string `json:"pipeline"`             // agentrun-v01-ci-image-publish
	TektonServiceAccount string `json:"tektonServiceAccount"` // agentrun-v01-tekton-runner
	PipelineRunPrefix    string `json:"pipelineRunPrefix"`    // agentrun-v01-ci-

	ArgoNamespace   string `json:"argoNamespace"`   // argocd
	ArgoAppProject  string `json:"argoAppProject"`  // agentrun-v01
	ArgoApplication string `json:"argoApplication"` // agentrun-g14-v01
}

// APIVersion is that of every document of a lane.
const APIVersion = "lane.agentrun.dev/v1"

const argoNamespace = "argocd"

var (
	lanePattern    = regexp.MustCompile(`^v(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})$`)
	projectPattern = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,22}[a-z0-9])?$`)
	laneSuffix     = regexp.MustCompile(`-v[0-9]+(-[0-9]+)?$`)
	clusterPattern = regexp.MustCompile(`^[a-z][a-z0-9]{0,15}$`)
	hostPattern    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$`)
	rootPattern    = regexp.MustCompile(`^/[A-Za-z0-9._/-]*$`)
	retiredPattern = regexp.MustCompile(`(?i)(^|[-_./])(dev|prod)$`)
)

// For derives the names of a lane. tektonNamespace is the shared namespace of
// rule A1. Errors are refusals by rule A1 or A5.
func For(project, lane string, cluster Cluster, tektonNamespace string) (Names, error) {
	checks := []struct {
		ok             bool
		where, is, use string
	}{
		{projectPattern.MatchString(project) && !strings.Contains(project, "--"), "project", project, "lower-case letters, digits and single hyphens, at most 24, beginning with a letter"},
		{!laneSuffix.MatchString(project), "project", project, "a name that does not itself end like a lane, or two lanes could share a name"},
		{lanePattern.MatchString(lane), "lane", lane, "a version such as v0.1, without leading zeros"},
		{clusterPattern.MatchString(cluster.Name), "cluster.name", cluster.Name, "lower-case letters and digits without hyphens, at most 16"},
		{hostPattern.MatchString(cluster.Host), "cluster.host", cluster.Host, "the host name of the machine with the source worktree"},
		{rootPattern.MatchString(cluster.WorktreeRoot) && !strings.Contains(cluster.WorktreeRoot, ".."), "cluster.worktreeRoot", cluster.WorktreeRoot, "an absolute folder such as /root"},
		{projectPattern.MatchString(tektonNamespace), "ci.namespace", tektonNamespace, "a namespace name such as agentrun-ci"},
	}
	for _, c := range checks {
		if !c.ok {
			return Names{}, fail.Refuse("A1", c.where, "write "+c.use, "%q cannot be part of a lane's names", c.is)
		}
	}
	for _, n := range []struct{ where, is string }{{"project", project}, {"cluster.name", cluster.Name}, {"ci.namespace", tektonNamespace}} {
		if Retired(n.is) {
			return Names{}, fail.Refuse("A5", n.where, "name a version lane instead", "%q is a retired dev or prod name", n.is)
		}
	}

	v := Compact(lane)
	own := project + "-" + v
	worktree := cluster.Host + ":" + strings.TrimRight(cluster.WorktreeRoot, "/") + "/" + own
	return Names{
		Project: project, Lane: lane, Cluster: cluster.Name,
		SourceBranch:         lane,
		SourceWorktree:       worktree,
		TaskWorktree:         worktree + "/.worktree/{task}",
		GitopsBranch:         lane + "-gitops",
		ArtifactCatalog:      "deploy/artifact-catalog." + v + ".json",
		RuntimePath:          "deploy/gitops/" + cluster.Name + "/runtime-" + v,
		RuntimeNamespace:     own,
		Database:             strings.ReplaceAll(own, "-", "_"),
		TektonNamespace:      tektonNamespace,
		Pipeline:             own + "-ci-image-publish",
		TektonServiceAccount: own + "-tekton-runner",
		PipelineRunPrefix:    own + "-ci-",
		ArgoNamespace:        argoNamespace,
		ArgoAppProject:       own,
		ArgoApplication:      project + "-" + cluster.Name + "-" + v,
	}, nil
}

// Compact is a version as part of a name: v0.1 is v01, v0.10 is v010. From v1.0
// on a hyphen keeps v1.11 (v1-11) and v11.1 (v11-1) apart. It expects a version
// that For accepts.
func Compact(lane string) string {
	major, minor, _ := strings.Cut(strings.TrimPrefix(lane, "v"), ".")
	if major == "0" {
		return "v0" + minor
	}
	return "v" + major + "-" + minor
}

// Retired reports whether name is, or ends as, a dev or prod name (rule A5).
func Retired(name string) bool { return retiredPattern.MatchString(name) }

// SourceRef is the full ref of the source branch: git would prefer a tag of the
// short name.
func (n Names) SourceRef() string { return "refs/heads/" + n.SourceBranch }

// GitopsRef is the full ref of the GitOps branch.
func (n Names) GitopsRef() string { return "refs/heads/" + n.GitopsBranch }

// Metadata is the folder on the GitOps branch for what the lane keeps beside the
// manifests; Argo CD does not apply it and a render does not write it.
func (n Names) Metadata() string { return n.RuntimePath + "/.lane" }

// PipelineRun is the name of the nth run for a full commit.
func (n Names) PipelineRun(commit string, nth int) string {
	return n.PipelineRunPrefix + commit[:min(12, len(commit))] + "-" + strconv.Itoa(nth)
}

// Repository is a service's image repository within the registry. It holds no
// lane: the same source gives the same image in every lane (rule F6).
func (n Names) Repository(service string) string { return n.Project + "/" + service }

// Toolchain is the repository of the image that the pipeline's steps run in.
func (n Names) Toolchain() string { return n.Project + "/toolchain" }

// CIClaim is the lane's volume claim in the Tekton namespace: workspaces and
// caches of its runs.
func (n Names) CIClaim() string { return n.RuntimeNamespace + "-ci" }

// GitSecret is the Secret in the Tekton namespace with what git signs in with.
func (n Names) GitSecret() string { return n.RuntimeNamespace + "-git" }

// SigningSecret is the Secret in the Tekton namespace with the key that signs
// promotions.
func (n Names) SigningSecret() string { return n.RuntimeNamespace + "-signing" }

// Trigger is what the objects are called that start a run for each push.
func (n Names) Trigger() string { return n.RuntimeNamespace + "-push" }

// Listener is what Tekton Triggers calls the Deployment and the Service that it makes of
// the EventListener among them.
func (n Names) Listener() string { return "el-" + n.Trigger() }

// WebhookSecret is the Secret in the Tekton namespace with what pushes are signed with.
func (n Names) WebhookSecret() string { return n.RuntimeNamespace + "-webhook" }
