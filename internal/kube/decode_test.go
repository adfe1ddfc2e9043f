package kube

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const podList = `{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":"more","remainingItemCount":3},"items":[
	{"metadata":{"name":"a","generation":9007199254740993},"spec":{"nice":-1.5,"on":true,"off":false,"none":null,"list":[],"map":{},"deep":[[1],{"x":[2.0]}]}},
	{"apiVersion":"v2","kind":"Other","metadata":{"name":"é\u0000"}}]}`

// FuzzDecode holds the decoder against client-go's: what both take is the same.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(podList))
	f.Add([]byte(`{"kind":"List","apiVersion":"v1","items":null}`))
	f.Add([]byte(`{"kind":"PodList","apiVersion":"v1","items":[{}],"metadata":{"continue":7}}`))
	f.Add([]byte(`{"kind":"PodList","apiVersion":"v1","items":[{"a":1e400}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decode(data)
		if err != nil {
			return
		}
		if head, err := about(data); err != nil || !cmp.Equal(got.Metadata, head.meta) {
			t.Errorf("about the list %v is known, %v, and in it stands %v", head.meta, err, got.Metadata)
		}
		obj, _, err := unstructured.UnstructuredJSONScheme.Decode(data, nil, nil)
		want, ok := obj.(*unstructured.UnstructuredList)
		if err != nil || !ok {
			return // it wants a kind of each item
		}
		if diff := cmp.Diff(want.Items, got.objects()); diff != "" && len(want.Items)+len(got.Items) > 0 {
			t.Errorf("client-go has it another (-want +got):\n%s", diff)
		}
		if want.GetResourceVersion() != got.Metadata.ResourceVersion || want.GetContinue() != got.Metadata.Continue {
			t.Errorf("it is at %q and goes on at %q, client-go says %q and %q",
				got.Metadata.ResourceVersion, got.Metadata.Continue, want.GetResourceVersion(), want.GetContinue())
		}
	})
}

func TestDecodeSaysWhatItemsAre(t *testing.T) {
	l, err := decode([]byte(podList))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"v1 Pod", "v2 Other"} {
		o := l.objects()[i]
		if got := o.GetAPIVersion() + " " + o.GetKind(); got != want {
			t.Errorf("item %d is a %s, not a %s", i, got, want)
		}
	}
	if got := l.objects()[0].GetGeneration(); got != 9007199254740993 {
		t.Errorf("the generation is %d", got)
	}
}

func TestDecodeOmits(t *testing.T) {
	const runs = `{"kind":"PipelineRunList","apiVersion":"tekton.dev/v1","metadata":{},"items":[
		{"metadata":{"name":"a","labels":{"status":"x"}},"spec":{"pipelineSpec":{"tasks":[]}},"status":{"pipelineSpec":{"tasks":[{}]},"startTime":"now"}},
		{"metadata":{"name":"b"},"status":[{"pipelineSpec":1,"name":"pipelineSpec"},"pipelineSpec"]}]}`
	l, err := decode([]byte(runs), "status.pipelineSpec", "metadata.labels")
	if err != nil {
		t.Fatal(err)
	}
	want := []item{
		{
			"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": map[string]any{"name": "a"},
			"spec": map[string]any{"pipelineSpec": map[string]any{"tasks": []any{}}}, "status": map[string]any{"startTime": "now"},
		},
		{
			"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": map[string]any{"name": "b"},
			"status": []any{map[string]any{"name": "pipelineSpec"}, "pipelineSpec"}, // of a list, its elements
		},
	}
	if diff := cmp.Diff(want, l.Items); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for data, why := range map[string]string{
		`{"kind":"Pod","apiVersion":"v1"}`:                             "not with a list",
		`{"kind":"PodList","apiVersion":"v1","items":[1]}`:             "no object",
		`{"kind":"PodList","apiVersion":"v1","items":[{"a":1e400}]}`:   "too large",
		`{"kind":"PodList","apiVersion":"v1","items":[{"a":1,"a":2}]}`: "duplicate",
		`{"kind":"PodList","apiVersion":"v1","items":[{}]`:             "EOF",
		`[`: "reading the list",
		`{"kind":"PodList","items":[` + strings.Repeat(`{"a":[`, 6000) + `]}`: "depth",
	} {
		if _, err := decode([]byte(data)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%.60s: %v does not say %q", data, err, why)
		}
	}
}
