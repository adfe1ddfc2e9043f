package observe_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/kube/kubetest"
	"github.com/pikasTech/agentrun/lane/verify"
)

// TestThousandsOfPipelineRuns is a lane whose runs nobody prunes: they are read page by
// page, each without the Pipeline that it was made from, which is most of it.
func TestThousandsOfPipelineRuns(t *testing.T) {
	const count, running = 3000, 2718
	steps := strings.Repeat("x", 10_000)
	page := func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.URL.Query().Get("continue")) // "" is the beginning
		limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
		if err != nil || limit > 1000 {
			t.Errorf("asks for %s", r.URL.RawQuery)
			limit = count
		}
		var items []string
		for i := from; i < min(from+limit, count); i++ {
			state := "True"
			if i == running {
				state = "Unknown"
			}
			items = append(items, fmt.Sprintf(`{"metadata":{"name":"run-%d","labels":{"lane.agentrun.dev/commit":"%040d"}},
				"spec":{"taskRunTemplate":{"podTemplate":{"hostNetwork":true,"dnsPolicy":"ClusterFirstWithHostNet"}}},
				"status":{"pipelineSpec":{"script":%q},"conditions":[{"type":"Succeeded","status":%q}]}}`, i, i, steps, state))
		}
		next := ""
		if from+limit < count {
			next = strconv.Itoa(from + limit)
		}
		kubetest.Object(fmt.Sprintf(`{"apiVersion":"tekton.dev/v1","kind":"PipelineRunList","metadata":{"continue":%q},"items":[%s]}`, next, strings.Join(items, ",")))(w, r)
	}
	o := observer(t, kubetest.Script{
		"GET /apis/tekton.dev/v1/namespaces/shop-ci/pipelineruns": slices.Repeat([]http.HandlerFunc{page}, 6),
	})
	e := see(t, o)
	runs := e.Tekton.Runs
	if !runs.Found || len(runs.Value) != count {
		t.Fatalf("%d runs are seen: %+v", len(runs.Value), runs.Gap)
	}
	for _, r := range runs.Value {
		if r.Map("status", "pipelineSpec") != nil {
			t.Fatalf("%s is kept with its Pipeline", r.Name())
		}
	}
	want := []string{fmt.Sprintf("run-%d of %040d", running, running)}
	if diff := cmp.Diff(want, verify.StatusOf(e).Running); diff != "" {
		t.Error(diff)
	}
	f, _ := verify.Judge(e).Finding("B2")
	if n := len(f.Observations); f.State != verify.Matched || n > 100 {
		t.Errorf("B2 is %s, in %d observations", f.State, n)
	}
}
