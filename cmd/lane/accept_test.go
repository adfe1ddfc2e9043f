package main

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/pipeline"
)

// TestE7_NobodyWaitsForAPausedApplication: the lane's own Application syncs by
// itself, and one whose automation was taken away or switched off does not.
func TestE7_NobodyWaitsForAPausedApplication(t *testing.T) {
	n, err := names.For("shop", "v0.3", names.Cluster{Name: "k7", Host: "K7", WorktreeRoot: "/srv"}, "shop-ci")
	if err != nil {
		t.Fatal(err)
	}
	objects, err := pipeline.Argo(&intent.Intent{Source: intent.Source{Repository: "git@git.example.com:shop/shop.git"}}, n)
	if err != nil {
		t.Fatal(err)
	}
	app := objects[1].Unstructured
	if app.GetKind() != "Application" || !syncsItself(app) {
		t.Fatalf("the lane's %s does not sync by itself", app.GetKind())
	}
	off := app.DeepCopy()
	if err := unstructured.SetNestedField(off.Object, false, "spec", "syncPolicy", "automated", "enabled"); err != nil {
		t.Fatal(err)
	}
	paused := app.DeepCopy()
	unstructured.RemoveNestedField(paused.Object, "spec", "syncPolicy", "automated")
	for _, app := range []*unstructured.Unstructured{off, paused} {
		if syncsItself(app) {
			t.Errorf("it would be waited for: %v", app.Object["spec"])
		}
	}
}
