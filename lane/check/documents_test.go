package check_test

import (
	"testing"
)

func TestA5_RefusesRetiredEnvironments(t *testing.T) {
	refuses(t, "A5", []broken{
		{"in AGENTS.md", edited(t, "AGENTS.md", "Read", "Deploy to `harbor_dev`.\n\nRead"), "AGENTS.md", "as if it were current"},
		{"in a table", one("docs/x.md", "| old | harbor_dev is retired |\n|---|---|\n| namespace | `harbor-prod` |\n"), "docs/x.md", "as if it were current"},
		{"in a list", one("docs/x.md", "- harbor-dev is deprecated\n- acceptance looks at harbor-prod\n"), "docs/x.md", "as if it were current"},
		{"below another heading", one("docs/x.md", "# History\n\nharbor-dev was.\n\n# Now\n\nharbor-prod is.\n"), "docs/x.md", "as if it were current"},
		{"in Chinese", one("docs/x.md", "验收目标是 harbor_prod。\n"), "docs/x.md", "as if it were current"},
		{"in YAML", one("x.yaml", "namespace: harbor-dev # retired\n"), "x.yaml", "as if it were current"},
		{"in a binary file", one("x.bin", "\x00namespace: harbor-\x00dev\n"), "x.bin", "as if it were current"},
		{"in Go", one("a.go", "package a\n\nconst ns = \"Harbor_Prod\"\n"), "a.go", "as if it were current"},
	})
	accepts(t, map[string]map[string]string{
		"a paragraph":   one("docs/x.md", "The names harbor-dev and\nharbor_prod are deprecated.\n"),
		"a heading":     one("docs/x.md", "# Background\n\n## History of environments\n\nharbor-dev came first.\n\n### Then\n\nharbor-prod.\n"),
		"a row":         one("docs/x.md", "| a | b |\n|---|---|\n| `harbor_dev` | retired |\n"),
		"Chinese":       one("docs/x.md", "harbor_dev 与 harbor_prod 已废弃。\n\n## 历史\n\nharbor-dev。\n"),
		"other words":   one("docs/x.md", "harbor-developers, harbor-production, /dev/null, libfoo-dev, prod\n"),
		"other project": one("docs/x.md", "shop-dev\n"),
	})
}

func TestB4_RefusesNetworkFactsByHand(t *testing.T) {
	refuses(t, "B4", []broken{
		{"another proxy in the table", edited(t, "docs/reference/lane.md", "10808` |", "10809` |"), "docs/reference/lane.md", "the table of network facts"},
		{"more in the table", edited(t, "docs/reference/lane.md", "<!-- /lane", "| more | x | y |\n<!-- /lane"), "docs/reference/lane.md", "says more"},
		{"a table without an end", edited(t, "docs/reference/lane.md", "<!-- /lane:network -->", ""), "docs/reference/lane.md", "has no end"},
		{"another proxy in a script", one("tools/env.sh", "export HTTPS_PROXY=http://10.0.0.1:3128\n"), "tools/env.sh", "not the lane's proxy"},
		{"another proxy in a pod", one("pod.yaml", "env:\n- name: http_proxy\n  value: \"http://10.0.0.1:3128\"\n"), "pod.yaml", "not the lane's proxy"},
		{"a shorter list", one("run", "#!/bin/sh\nNO_PROXY=hyueapi.com run\n"), "run", "not the lane's list"},
		{"another registry", one("docs/x.md", "Pull `registry.example.com/harbor/harbor-api` first.\n"), "docs/x.md", "not the lane's"},
		{"another registry in a URL", one("docs/x.md", "See <https://registry.example.com:5000/harbor/harbor-api>.\n"), "docs/x.md", "not the lane's"},
		{"a Pipeline", one("deploy/pipeline.yaml", "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: harbor-v02-ci-image-publish\n"), "deploy/pipeline.yaml", "copy by hand"},
		{"a Task in its namespace", one("task.yaml", "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: x\n  namespace: harbor-ci\n"), "task.yaml", "copy by hand"},
		{"a trigger", one("trigger.json", `{"apiVersion":"triggers.tekton.dev/v1beta1","kind":"TriggerTemplate","spec":{"x":{"serviceAccountName":"harbor-v02-tekton-runner"}}}`), "trigger.json", "copy by hand"},
	})
	accepts(t, map[string]map[string]string{
		"a folder":           one("docs/x.md", "In `x/github.com/harbor/harbor-api`, `src/harbor/harbor-api`.\n"),
		"another's Pipeline": one("p.yaml", "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata:\n  name: shop-v02-ci-image-publish\n"),
		"the same proxy":     one("x.sh", "HTTP_PROXY=http://127.0.0.1:10808/ run\n"),
		"a variable":         one("x.sh", "HTTP_PROXY=\"$PROXY\" run\nunset HTTP_PROXY\n"),
		"code that reads it": one("a.go", "package a\n\nvar p = env(\"HTTP_PROXY=x\")\n"),
	})
}

func TestG5_PageAndIntentAgree(t *testing.T) {
	const page = "docs/reference/secret-distribution.md"
	refuses(t, "G5", []broken{
		{"no page", map[string]string{page: "", "README.md": "# Harbor\n"}, page, "is missing"},
		{"a key that is not listed", edited(t, page, "| `harbor-v02-db` | `DATABASE_URL` | `harbor-api` | variable `DATABASE_URL` |\n", ""), page, "does not list"},
		{"a key that is not there", edited(t, page, "| `harbor-v02-mail`", "| `harbor-v02-db` | `SPARE` | `harbor-api` | variable `SPARE` |\n| `harbor-v02-mail`"), page, "does not give"},
		{"another way", edited(t, page, "variable `DATABASE_URL`", "variable `DSN`"), page, "another way"},
		{"a row twice", edited(t, page, "| `harbor-v02-mail`", "| `harbor-v02-db` | `DATABASE_URL` | `harbor-api` | variable `DATABASE_URL` |\n| `harbor-v02-mail`"), page, "stands twice"},
	})
}

func TestE3_RefusesBrokenDocuments(t *testing.T) {
	refuses(t, "E3", []broken{
		{"a link to nothing", one("docs/x.md", "[x](y.md)\n"), "docs/x.md", "no such file"},
		{"a link to a work tree's file", one("docs/x.md", "![x](../.git/config)\n"), "docs/x.md", "no such file"},
		{"a link out", one("docs/x.md", "[x](../../x.md)\n"), "docs/x.md", "leaves the source tree"},
		{"an anchor there is not", one("docs/x.md", "[x](reference/lane.md#nothing)\n"), "docs/x.md", "no heading"},
		{"an anchor of its own", one("docs/x.md", "# Some thing\n\n[x](#some-things)\n"), "docs/x.md", "no heading"},
		{"a link by reference", one("docs/x.md", "[x]\n\n[x]: y.md\n"), "docs/x.md", "no such file"},
		{"an anchor in code", one("docs/x.md", "[x](../cmd/api/main.go#main)\n"), "docs/x.md", "only pages"},
		{"no link to the lane", one("AGENTS.md", "# For agents\n\ndocs/reference/lane.md\n"), "AGENTS.md", "does not link"},
		{"no page for agents", one("AGENTS.md", ""), "AGENTS.md", "is missing"},
	})
	accepts(t, map[string]map[string]string{
		"links that lead somewhere": one("docs/x.md", "# Some `code`, twice!\n\n## Some code twice\n\n<a id=\"here\"></a>\n[a](#some-code-twice) [b](#some-code-twice-1) [c](#here) [d](/README.md) [e](../web) [f](reference/lane.md#lane \"t\")\n[g](https://example.com/x.md#y) <mailto:a@example.com> `[h](none.md)` [i](x.md)\n\n    [j](none.md)\n"),
		"a heading in Chinese":      one("docs/x.md", "## 设计 目标\n\n[x](#设计-目标) [y](#%E8%AE%BE%E8%AE%A1-%E7%9B%AE%E6%A0%87)\n"),
	})
}
