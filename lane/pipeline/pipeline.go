package pipeline

import (
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
)

// Object is one Kubernetes object.
type Object struct {
	YAML []byte // with comments, for people; ends with a newline
	*unstructured.Unstructured
}

// ToolchainImage is the name in the images lock of the image that the steps run
// in.
const ToolchainImage = "toolchain"

var pinned = regexp.MustCompile(`^[a-z0-9.:/_-]+@sha256:[0-9a-f]{64}$`)

// Tekton gives the objects that a cluster with Tekton needs to release the lane.
// image is the toolchain's reference by digest, which must be in the lane's own
// registry.
func Tekton(in *intent.Intent, n names.Names, image string) ([]Object, error) {
	if !pinned.MatchString(image) || !strings.HasPrefix(image, in.Registry.Address+"/"+n.Toolchain()+"@") {
		return nil, fail.Refuse("B1", ToolchainImage, "make the image and pin it in the images lock: docs/operate.md tells how",
			"the steps' image is %q, not %s/%s by digest", fail.Clean(image, 200), in.Registry.Address, n.Toolchain())
	}
	v := newValues(in, n)
	v.Image = image
	return objects(v, "namespace", "serviceaccount", "claim", "pipeline")
}

// Argo gives the objects by which Argo CD keeps the lane (rules G2, G3).
func Argo(in *intent.Intent, n names.Names) ([]Object, error) {
	return objects(newValues(in, n), "appproject", "application")
}

// Rollback is what a run is told that goes back.
type Rollback struct {
	To   string // the commit of the GitOps branch, full id
	Hold []byte // the document
}

// Restart is what a run is told that replaces pods of the released commit.
type Restart struct {
	Services   string // separated by commas
	Generation string // that their pods get
}

func (r *Restart) String() string { return r.Generation + "=" + r.Services }

// Purpose says what a run is for beside a release; at most one of the two is set.
type Purpose struct {
	Rollback *Rollback // it goes back to the commit
	Restart  *Restart
}

// Run gives the nth PipelineRun for a full commit (rule E1).
func Run(in *intent.Intent, n names.Names, commit string, nth int, why Purpose) (Object, error) {
	v := newValues(in, n)
	v.Run, v.Commit = n.PipelineRun(commit, nth), commit
	if back := why.Rollback; back != nil {
		v.Rollback, v.Hold = back.To, string(back.Hold)
	}
	if again := why.Restart; again != nil {
		v.Restart, v.Generation = again.String(), again.Generation
	}
	all, err := objects(v, "pipelinerun")
	if err != nil {
		return Object{}, err
	}
	return all[0], nil
}

// Secrets are the names of the Secrets that a run's pods mount. They are in the
// Tekton namespace, and without one of them a pod does not start.
func Secrets(in *intent.Intent, n names.Names) []string {
	all := []string{n.GitSecret()}
	if newValues(in, n).Signed {
		all = append(all, n.SigningSecret())
	}
	return all
}
