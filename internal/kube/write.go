package kube

import (
	"context"

	"github.com/go-json-experiment/json"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Write says how something is written. The zero value writes.
type Write struct {
	DryRun bool // the server does everything but keep it
	Force  bool // Apply takes fields that another manager owns
	Last   bool // Delete lets the object go after what it owns (foreground), not before
}

func (w Write) dryRun() []string {
	if w.DryRun {
		return []string{metav1.DryRunAll}
	}
	return nil
}

// Create makes an object and is refused (IsAlreadyExists) when its name is taken.
// Fields that the server does not know are refused too.
func (c *Client) Create(ctx context.Context, gvr schema.GroupVersionResource, obj *unstructured.Unstructured, w Write) (*unstructured.Unstructured, error) {
	q := question{verb: "create", gvr: gvr, namespace: obj.GetNamespace(), name: obj.GetName()}
	limited, cancel := c.limited(ctx)
	defer cancel()
	made, err := c.on(gvr, obj.GetNamespace()).Create(limited, obj, metav1.CreateOptions{
		FieldManager: c.manager, FieldValidation: metav1.FieldValidationStrict, DryRun: w.dryRun(),
	})
	if err != nil {
		return nil, c.explain(ctx, q, err)
	}
	return made, nil
}

// Apply makes an object what obj says, by server-side apply. It leaves alone what
// obj does not speak of, and is refused (IsConflict) when another manager owns one
// of obj's fields with another value, unless w forces it.
func (c *Client) Apply(ctx context.Context, gvr schema.GroupVersionResource, obj *unstructured.Unstructured, w Write) (*unstructured.Unstructured, error) {
	q := question{verb: "patch", gvr: gvr, namespace: obj.GetNamespace(), name: obj.GetName()}
	data, err := obj.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return c.patch(ctx, q, types.ApplyPatchType, data, metav1.PatchOptions{
		FieldManager: c.manager, FieldValidation: metav1.FieldValidationStrict, DryRun: w.dryRun(), Force: &w.Force,
	})
}

// Merge changes the named fields of an object that must be there (JSON merge
// patch). A metadata.uid or metadata.resourceVersion in it must be the object's
// (IsConflict).
func (c *Client) Merge(ctx context.Context, gvr schema.GroupVersionResource, namespace, name string, change map[string]any, w Write) (*unstructured.Unstructured, error) {
	q := question{verb: "patch", gvr: gvr, namespace: namespace, name: name}
	data, err := json.Marshal(change)
	if err != nil {
		return nil, err
	}
	return c.patch(ctx, q, types.MergePatchType, data, metav1.PatchOptions{
		FieldManager: c.manager, FieldValidation: metav1.FieldValidationStrict, DryRun: w.dryRun(),
	})
}

func (c *Client) patch(ctx context.Context, q question, t types.PatchType, data []byte, o metav1.PatchOptions) (*unstructured.Unstructured, error) {
	limited, cancel := c.limited(ctx)
	defer cancel()
	obj, err := c.on(q.gvr, q.namespace).Patch(limited, q.name, t, data, o)
	if err != nil {
		return nil, c.explain(ctx, q, err)
	}
	return obj, nil
}

// Delete removes an object with what it owns, in the background unless w says Last. A
// uid that is not "" must be the object's: one that was made again in between is left
// (IsConflict).
func (c *Client) Delete(ctx context.Context, gvr schema.GroupVersionResource, namespace, name string, uid types.UID, w Write) error {
	q := question{verb: "delete", gvr: gvr, namespace: namespace, name: name}
	limited, cancel := c.limited(ctx)
	defer cancel()
	how := metav1.DeletePropagationBackground
	if w.Last {
		how = metav1.DeletePropagationForeground
	}
	o := metav1.DeleteOptions{PropagationPolicy: &how, DryRun: w.dryRun()}
	if uid != "" {
		o.Preconditions = &metav1.Preconditions{UID: &uid}
	}
	return c.explain(ctx, q, c.on(gvr, namespace).Delete(limited, name, o))
}
