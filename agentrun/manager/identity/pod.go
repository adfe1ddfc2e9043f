package identity

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pikasTech/agentrun/internal/kube"
)

// ErrPod is that a pod is not one of the attempt's Job.
var ErrPod = errors.New("the pod is not one of the attempt")

// Job is the Job of an attempt. Its uid is what nobody else can have.
type Job struct {
	Name string
	UID  string
}

var pods = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

// CheckPod asks the API server whether the pod is there, has not been replaced, and
// was made by the Job. It is ErrPod when not, and any other error when nobody can say.
func (v *Verifier) CheckPod(ctx context.Context, pod Pod, job Job) error {
	obj, err := v.Kube.Get(ctx, pods, pod.Namespace, pod.Name)
	if kube.IsNotFound(err) {
		return fmt.Errorf("%w: it is gone", ErrPod)
	}
	if err != nil {
		return unavailable(err)
	}
	var p corev1.Pod
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(obj.Object, &p); err != nil {
		return unavailable(err)
	}
	switch {
	case string(p.UID) != pod.UID:
		return fmt.Errorf("%w: another one has its name", ErrPod)
	case p.DeletionTimestamp != nil:
		return fmt.Errorf("%w: it is being deleted", ErrPod)
	}
	for _, o := range p.OwnerReferences {
		if o.APIVersion == "batch/v1" && o.Kind == "Job" && o.Controller != nil && *o.Controller &&
			o.Name == job.Name && job.UID != "" && string(o.UID) == job.UID {
			return nil
		}
	}
	return fmt.Errorf("%w: its Job did not make it", ErrPod)
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }
