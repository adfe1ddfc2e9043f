package kube_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/internal/kube/kubetest"
)

// TestUnreadIsTheListUnread: the objects are those of List, and the sum is theirs alone.
func TestUnreadIsTheListUnread(t *testing.T) {
	one, two := object("run-1", "1"), object("run-2", "2")
	ask := func(answers ...http.HandlerFunc) kube.Unread {
		t.Helper()
		c, _ := connect(t, kubetest.Script{"GET " + list: answers})
		u, err := c.Unread(t.Context(), runs, "ci", kube.Selection{})
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	u := ask(listOf("5", "next", one), kubetest.Answer(410, gone), listOf("5", "next", one), listOf("6", "", two))
	c, _ := connect(t, kubetest.Script{"GET " + list: {listOf("5", "", one, two)}})
	want, err := c.List(t.Context(), runs, "ci", kube.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := u.Read(); err != nil || !cmp.Equal(want.Items, got) {
		t.Errorf("%v, %s", err, cmp.Diff(want.Items, got))
	}
	if same := ask(listOf("7", "onward", one), listOf("8", "", two)); same.Sum != u.Sum {
		t.Error("the same objects in another list have another sum")
	}
	for name, other := range map[string]kube.Unread{
		"one less":      ask(listOf("5", "", one)),
		"the other way": ask(listOf("5", "next", two), listOf("6", "", one)),
		"changed":       ask(listOf("5", "next", one), listOf("6", "", object("run-2", "3"))),
		"none":          ask(listOf("5", "")),
	} {
		if other.Sum == u.Sum {
			t.Errorf("%s: the sum is the same", name)
		}
	}
	c, _ = connect(t, kubetest.Script{"GET " + list: {kubetest.Object(one)}})
	_, err = c.Unread(t.Context(), runs, "ci", kube.Selection{})
	told(t, err, fail.Failed, "not with a list")
}

// TestMoreObjectsThanTheLimit: a server that keeps no page as short as it is asked to.
func TestMoreObjectsThanTheLimit(t *testing.T) {
	page := listOf("5", "", slices.Repeat([]string{`{"metadata":{}}`}, kube.MaxObjects+1)...)
	c, _ := connect(t, kubetest.Script{"GET " + list: {page, page}})
	_, err := c.List(t.Context(), runs, "ci", kube.Selection{})
	told(t, err, fail.Failed, "more than 20000")
	u, err := c.Unread(t.Context(), runs, "ci", kube.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = u.Read()
	told(t, err, fail.Failed, "more than 20000")
}
