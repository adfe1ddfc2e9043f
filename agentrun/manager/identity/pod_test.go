package identity

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/kube/kubetest"
)

func TestCheckPod(t *testing.T) {
	const good = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"run-1-abcde","namespace":"shop-v1","uid":"p-1",
		"ownerReferences":[{"apiVersion":"batch/v1","kind":"Job","name":"run-1","uid":"j-1","controller":true}]}}`
	edit := func(old, new string) http.HandlerFunc {
		if !strings.Contains(good, old) {
			t.Fatalf("there is no %s", old)
		}
		return kubetest.Object(strings.Replace(good, old, new, 1))
	}
	job := Job{"run-1", "j-1"}
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   error
	}{
		{"good", kubetest.Object(good), nil},
		{"gone", kubetest.Status(http.StatusNotFound, "NotFound", `pods "run-1-abcde" not found`, `{"name":"run-1-abcde","kind":"pods"}`), ErrPod},
		{"another of its name", edit(`"p-1"`, `"p-2"`), ErrPod},
		{"leaving", edit(`"uid":"p-1"`, `"uid":"p-1","deletionTimestamp":"2026-01-01T00:00:00Z"`), ErrPod},
		{"a Job of another name", edit(`"name":"run-1","uid"`, `"name":"run-2","uid"`), ErrPod},
		{"another Job", edit(`"j-1"`, `"j-2"`), ErrPod},
		{"not its controller", edit(`"controller":true`, `"controller":false`), ErrPod},
		{"another kind", edit(`"Job"`, `"ReplicaSet"`), ErrPod},
		{"nobody's", edit(`"kind":"Job"`, `"kind":"Cron"`), ErrPod},
		{"away", kubetest.Status(http.StatusInternalServerError, "InternalError", "etcd", ""), ErrUnavailable},
		{"forbidden", kubetest.Status(http.StatusForbidden, "Forbidden", `pods is forbidden: User "x" cannot get resource "pods"`, ""), ErrUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, _, _ := verifier(t, kubetest.Script{"GET /api/v1/namespaces/shop-v1/pods/run-1-abcde": {tt.answer}})
			if err := v.CheckPod(t.Context(), wanted, job); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	v, _, _ := verifier(t, kubetest.Script{"GET /api/v1/namespaces/shop-v1/pods/run-1-abcde": {kubetest.Object(strings.Replace(good, `"j-1"`, `""`, 1))}})
	if err := v.CheckPod(t.Context(), wanted, Job{"run-1", ""}); !errors.Is(err, ErrPod) {
		t.Errorf("a Job that nobody knows made it: %v", err)
	}
}
