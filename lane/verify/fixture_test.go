package verify_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/publish"
	"github.com/pikasTech/agentrun/lane/render"
	"github.com/pikasTech/agentrun/lane/verify"
)

const deploy = `{
  "apiVersion": "lane.agentrun.dev/v1", "kind": "Intent", "project": "shop", "lane": "v0.3",
  "cluster": { "name": "k7", "host": "K7", "worktreeRoot": "/srv" },
  "source": { "repository": "https://git.example.com/shop.git" },
  "registry": { "address": "127.0.0.1:5000", "insecure": true },
  "ci": { "namespace": "shop-ci", "noProxy": ["hyueapi.com", ".hyueapi.com", "10.43.0.0/16", ".svc.cluster.local"] },
  "secretRefs": [{ "name": "shop-v03-db", "keys": ["URL"] }],
  "serviceAccounts": [
    { "name": "shop-v03-api", "rules": [{ "apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get"] }] }
  ],
  "configMaps": [{ "name": "shop-v03-greeting", "data": { "text": "hello" } }],
  "services": [
    {
      "id": "api", "kind": "deployment", "enabled": true, "build": { "go": "./cmd/api" }, "replicas": 2,
      "serviceAccount": "shop-v03-api", "ports": [{ "name": "http", "port": 8080 }], "health": { "ready": "/readyz" },
      "resources": { "requests": { "cpu": "1000m", "memory": "64Mi" }, "limits": { "cpu": "2", "memory": "1Gi" } },
      "env": [
        { "name": "DATABASE_URL", "secretRef": { "name": "shop-v03-db", "key": "URL" } },
        { "name": "GREETING", "configMapRef": { "name": "shop-v03-greeting", "key": "text" } },
        { "name": "MOOD", "value": "good" }
      ],
      "volumes": [{ "mountPath": "/etc/shop/mailer", "jobTemplate": "mailer" }]
    },
    { "id": "mailer", "kind": "jobTemplate", "enabled": true, "build": { "go": "./cmd/mailer" }, "job": { "activeDeadlineSeconds": 60, "ttlSecondsAfterFinished": 60 } }
  ]
}`

var (
	commit   = strings.Repeat("a", 40)
	before   = strings.Repeat("b", 40) // of the catalog before
	head     = strings.Repeat("c", 40) // of the GitOps branch
	tree     = strings.Repeat("d", 40)
	apiImage = hash("1")
	mailer   = hash("2")
	config1  = hash("3")
	config2  = hash("4")
	identity = hash("5")
	unknown  = hash("9")
	now      = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

const written = "2026-01-02T03:00:00Z"

func hash(digit string) string { return "sha256:" + strings.Repeat(digit, 64) }

// lane is the fixture while it is made.
type lane struct {
	testing.TB
	names   names.Names
	intent  *intent.Intent
	catalog *catalog.Catalog
	files   map[string][]byte
	lists   map[string]*verify.List
	uid     int
}

// accepted is the evidence of a lane of which everything was seen and matches.
func accepted(t testing.TB) verify.Evidence {
	t.Helper()
	l := &lane{TB: t, lists: map[string]*verify.List{}}
	in, err := intent.Parse("deploy.json", []byte(deploy))
	l.must(err)
	l.intent = in
	l.names, err = in.Names()
	l.must(err)
	l.release()
	e := verify.Evidence{
		Names: l.names, Intent: in, At: now,
		Gitops: verify.See(verify.Gitops{
			Commit: head, Tree: tree, Message: l.message(), Catalog: l.catalog, Files: l.files,
			Signature: verify.See(verify.Signature{State: verify.Signed, By: "release@k7"}),
		}),
		Release: verify.Release{Intent: verify.See(in), Rendered: verify.See(l.rendered())},
		Images: map[string]verify.Seen[verify.Image]{
			"shop/api@" + apiImage:  verify.See(verify.Image{Config: config1, Identity: identity}),
			"shop/mailer@" + mailer: verify.See(verify.Image{Config: config2, Identity: identity}),
		},
		Source: verify.Source{
			Head: verify.See(commit), Contains: verify.See(true), Authors: verify.See([]string{"A Developer"}),
			Findings: verify.See(fail.Findings(nil)),
		},
		Worktree: verify.See(verify.Worktree{Path: "/srv/shop-v03", Ref: "refs/heads/v0.3", Head: commit, Origin: commit}),
	}
	e.Argo = l.argo()
	e.Tekton = l.tekton()
	e.Live = l.live()
	return e
}

func (l *lane) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// release makes the catalog and the files of the branch.
func (l *lane) release() {
	digest, err := l.intent.Digest()
	l.must(err)
	l.catalog = catalog.Empty(l.names, commit, digest)
	for _, s := range []struct {
		id, digest, commit string
		status             catalog.Status
	}{{"api", apiImage, commit, catalog.Published}, {"mailer", mailer, before, catalog.Reused}} {
		l.catalog.Services = append(l.catalog.Services, catalog.Service{
			ServiceID: s.id, Status: s.status, SourceCommitID: s.commit, ComponentIdentity: identity,
			Image: catalog.Image{Repository: l.names.Repository(s.id), Tag: s.commit, Digest: s.digest, MediaType: publish.MediaType},
		})
	}
	tree, err := render.Render(l.intent, l.names, l.catalog)
	l.must(err)
	l.catalog.RenderDigest = tree.Digest()
	data, err := l.catalog.Encode()
	l.must(err)
	l.files = map[string][]byte{l.names.ArtifactCatalog: data}
	maps.Copy(l.files, tree)
}

func (l *lane) rendered() *render.Rendering {
	made, err := render.Make(l.intent, l.names, l.catalog)
	l.must(err)
	return made
}

func (l *lane) message() string {
	return fmt.Sprintf("promote shop v0.3\n\nLane-Source-Commit: %s\nLane-Intent-Digest: %s\nLane-Render-Digest: %s\nLane-Pipeline-Run: %s\nLane-Task-Runs: x\n",
		commit, l.catalog.IntentDigest, l.catalog.RenderDigest, l.names.PipelineRun(commit, 1))
}

// object decodes YAML with an identity as the API server gives it, written by manager.
func (l *lane) object(manager, text string) verify.Object {
	l.Helper()
	data, err := yaml.YAMLToJSONStrict([]byte(text))
	l.must(err)
	var o verify.Object
	l.must(json.Unmarshal(data, &o))
	l.born(o, manager)
	return o
}

func (l *lane) born(o verify.Object, manager string) {
	l.uid++
	meta := o["metadata"].(map[string]any)
	meta["uid"] = fmt.Sprint("uid-", l.uid)
	meta["creationTimestamp"] = written
	fields := map[string]any{}
	for key := range o {
		if key != "apiVersion" && key != "kind" && key != "status" {
			fields["f:"+key] = map[string]any{".": map[string]any{}}
		}
	}
	meta["managedFields"] = []any{
		map[string]any{"manager": manager, "operation": "Apply", "time": written, "fieldsV1": fields},
		map[string]any{"manager": "whoever", "operation": "Update", "subresource": "status", "time": written, "fieldsV1": map[string]any{"f:status": map[string]any{}}},
	}
}

func (l *lane) add(o verify.Object) {
	key := o.Group() + "/" + o.Kind()
	if l.lists[key] == nil {
		l.lists[key] = &verify.List{Group: o.Group(), Kind: o.Kind(), Objects: verify.See([]verify.Object{})}
	}
	l.lists[key].Objects.Value = append(l.lists[key].Objects.Value, o)
}

// live is the namespace as the cluster has it after a rollout.
func (l *lane) live() verify.Live {
	live := verify.Live{Complete: verify.See(true), Events: verify.See([]verify.Event{}), Logs: verify.See([]verify.LogEnd{})}
	for _, p := range slices.Sorted(maps.Keys(l.rendered().Tree)) {
		for doc := range strings.SplitSeq(string(l.rendered().Tree[p]), "\n---\n") {
			o := l.object("argocd-controller", strings.TrimSuffix(doc, "\n")+"\n")
			switch o.Kind() {
			case "Namespace":
				o["status"] = map[string]any{"phase": "Active"}
				live.Namespace = verify.See(o)
				continue
			case "Deployment":
				l.rollout(o)
			case "Service":
				o.Map("spec")["clusterIP"] = "10.43.0.7" // given by the cluster
				l.add(l.object("k3s", `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice,
metadata: {name: api-x, namespace: shop-v03, labels: {kubernetes.io/service-name: api}, ownerReferences: [{apiVersion: v1, kind: Service, name: api, uid: `+o.UID()+`, controller: true}]},
endpoints: [{addresses: [10.42.0.5], conditions: {ready: true}}, {addresses: [10.42.0.6], conditions: {ready: true}}]}`))
			}
			l.add(o)
		}
	}
	l.add(l.object("kube-controller-manager", `{apiVersion: v1, kind: ConfigMap, metadata: {name: kube-root-ca.crt, namespace: shop-v03}, data: {ca.crt: x}}`))
	l.add(l.object("kube-controller-manager", `{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop-v03}}`))
	l.add(l.object("lane", `{apiVersion: v1, kind: Secret, metadata: {name: shop-v03-db, namespace: shop-v03}}`))
	l.run()
	for _, key := range slices.Sorted(maps.Keys(l.lists)) {
		live.Lists = append(live.Lists, *l.lists[key])
	}
	return live
}

// rollout adds what the cluster makes of a Deployment.
func (l *lane) rollout(d verify.Object) {
	meta := d["metadata"].(map[string]any)
	meta["generation"] = float64(3)
	meta["annotations"] = map[string]any{"deployment.kubernetes.io/revision": "3"}
	d["status"] = map[string]any{"observedGeneration": float64(3), "replicas": float64(2), "updatedReplicas": float64(2), "readyReplicas": float64(2), "availableReplicas": float64(2)}
	rs := l.object("k3s", `{apiVersion: apps/v1, kind: ReplicaSet,
metadata: {name: api-7d, namespace: shop-v03, annotations: {deployment.kubernetes.io/revision: "3"}, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: api, uid: `+d.UID()+`, controller: true}]}}`)
	l.add(rs)
	for _, name := range []string{"api-7d-1", "api-7d-2"} {
		l.add(l.pod(name, "ReplicaSet", "api-7d", rs.UID(), "api", "127.0.0.1:5000/shop/api@"+apiImage))
	}
	// The API server writes quantities its own way.
	for _, c := range d.Items("spec", "template", "spec", "containers") {
		c.Map("resources", "requests")["cpu"] = "1"
	}
}

func (l *lane) pod(name, kind, owner, uid, service, image string) verify.Object {
	return l.object("k3s", `{apiVersion: v1, kind: Pod,
metadata: {name: `+name+`, namespace: shop-v03, labels: {app.kubernetes.io/name: `+service+`}, ownerReferences: [{apiVersion: `+map[string]string{"Job": "batch/v1", "ReplicaSet": "apps/v1"}[kind]+`, kind: `+kind+`, name: `+owner+`, uid: `+uid+`, controller: true}]},
spec: {containers: [{name: `+service+`, image: "`+image+`"}]},
status: {phase: Running, conditions: [{type: Ready, status: "True"}], containerStatuses: [{name: `+service+`, image: "sha256:something", imageID: "`+image+`", state: {running: {}}}]}}`)
}

// run adds a Job that the manager has started, with its pod.
func (l *lane) run() {
	job := l.object("api", `{apiVersion: batch/v1, kind: Job, metadata: {name: mailer-x, namespace: shop-v03, labels: {app.kubernetes.io/name: mailer}}, spec: {backoffLimit: 0}}`)
	l.add(job)
	l.add(l.pod("mailer-x-1", "Job", "mailer-x", job.UID(), "mailer", "127.0.0.1:5000/shop/mailer@"+mailer))
}

func (l *lane) argo() verify.Argo {
	objects, err := pipeline.Argo(l.intent, l.names)
	l.must(err)
	project, app := verify.Object(objects[0].Object), verify.Object(objects[1].Object)
	l.born(project, "lane")
	l.born(app, "lane")
	app["status"] = map[string]any{
		"sync":           map[string]any{"status": "Synced", "revision": head, "comparedTo": map[string]any{"source": map[string]any(maps.Clone(app.Map("spec", "source")))}},
		"health":         map[string]any{"status": "Healthy"},
		"operationState": map[string]any{"phase": "Succeeded"},
	}
	return verify.Argo{
		Application: verify.See(app), AppProject: verify.See(project), Applications: verify.See([]verify.Object{app}),
		SyncedTree: verify.See(tree),
	}
}

func (l *lane) tekton() verify.Tekton {
	made, err := pipeline.Run(l.intent, l.names, commit, 1, pipeline.Purpose{})
	l.must(err)
	run := verify.Object(made.Object)
	l.born(run, "lane")
	run["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Succeeded", "status": "True", "reason": "Succeeded"}}}
	wanted, err := pipeline.Tekton(l.intent, l.names, "127.0.0.1:5000/shop/toolchain@"+hash("7"))
	l.must(err)
	k := verify.Tekton{Run: verify.See(run), Runs: verify.See([]verify.Object{run}), Workloads: verify.See([]verify.Object{})}
	var expected []verify.Object
	for _, o := range wanted {
		expected = append(expected, o.Object)
		live := verify.Object(o.DeepCopy().Object)
		l.born(live, "lane")
		k.Live = append(k.Live, verify.See(live))
	}
	k.Expected = verify.See(expected)
	services, err := l.catalog.ServicesDigest()
	l.must(err)
	k.TaskRuns = verify.See([]verify.Object{
		l.taskRun(pipeline.TaskPrepare, pipeline.ResultCommit, commit),
		l.taskRun(pipeline.TaskPlan, pipeline.ResultBuild, "1"),
		l.taskRun(pipeline.TaskPublish, pipeline.ResultPublished, l.published()),
		l.taskRun(pipeline.TaskPromote, pipeline.ResultOutcome, "promoted", pipeline.ResultGitops, head, pipeline.ResultServices, services),
	})
	return k
}

func (l *lane) published() string {
	s := l.catalog.Services[0]
	p := publish.Published{
		APIVersion: publish.APIVersion, Kind: publish.Kind, Project: "shop", Lane: "v0.3", SourceCommitID: commit,
		Services: []publish.Service{{ServiceID: s.ServiceID, ComponentIdentity: s.ComponentIdentity, Image: s.Image}},
	}
	data, err := p.Encode()
	l.must(err)
	return canon.Digest(data)
}

func (l *lane) taskRun(task string, results ...string) verify.Object {
	var list []any
	for i := 0; i < len(results); i += 2 {
		list = append(list, map[string]any{"name": results[i], "value": results[i+1]})
	}
	return verify.Object{
		"apiVersion": "tekton.dev/v1", "kind": "TaskRun",
		"metadata": map[string]any{"name": task, "namespace": "shop-ci", "labels": map[string]any{"tekton.dev/pipelineTask": task}},
		"status":   map[string]any{"results": list},
	}
}

// states are the rules of a verdict that are not matched, "I4 contradicted" each.
func states(v verify.Verdict) []string {
	var all []string
	for _, c := range v.Links {
		for _, f := range c.Findings {
			if f.State != verify.Matched {
				all = append(all, f.Rule+" "+string(f.State))
			}
		}
	}
	slices.Sort(all)
	return all
}

// find is the live object of a kind and name, to be changed in place.
func find(t testing.TB, e *verify.Evidence, kind, name string) verify.Object {
	t.Helper()
	for _, l := range e.Live.Lists {
		for _, o := range l.Objects.Value {
			if o.Kind() == kind && o.Name() == name {
				return o
			}
		}
	}
	t.Fatalf("no %s %s", kind, name)
	return nil
}

func text(t testing.TB, v verify.Verdict) string {
	t.Helper()
	var b strings.Builder
	if err := v.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
