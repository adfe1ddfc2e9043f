package render

import (
	"bytes"
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
)

// TestRenderRandomIntents: whatever valid intent is rendered passes Check, gives
// the same bytes again, is admitted by Pod Security level restricted, and a
// release of one service changes that service's file alone.
func TestRenderRandomIntents(t *testing.T) {
	security, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		in := randomIntent(rt)
		n, c := lane(t, in)
		tree, err := Render(in, n, c)
		if err != nil {
			rt.Fatal(err)
		}
		if err := Check(tree, n, c); err != nil {
			rt.Fatal(err)
		}
		again, err := Render(in, n, c)
		if err != nil {
			rt.Fatal(err)
		}
		asRead(rt, in, n, c, tree)
		if diff := cmp.Diff(tree, again); diff != "" {
			rt.Fatal(diff)
		}
		for path, content := range tree {
			for doc := range documents(content) {
				restricted(rt, security, path, doc)
			}
		}
		if len(c.Services) == 0 {
			return
		}
		id := rapid.SampledFrom(c.Services).Draw(rt, "released").ServiceID
		release(c, id)
		later, err := Render(in, n, c)
		if err != nil {
			rt.Fatal(err)
		}
		for path := range later {
			changed := !bytes.Equal(tree[path], later[path])
			if own := path == n.RuntimePath+"/services/"+id+".yaml"; changed != own {
				rt.Fatalf("release of %s: %s changed: %v", id, path, changed)
			}
		}
	})
}

// asRead holds the objects of a rendering against what a reader finds in its files, and
// looks that it answers for those files alone that are its own to the byte.
func asRead(t *rapid.T, in *intent.Intent, n names.Names, c *catalog.Catalog, tree Tree) {
	made, err := Make(in, n, c)
	if err != nil {
		t.Fatal(err)
	}
	read := map[string][]map[string]any{}
	for path, content := range tree {
		for doc := range documents(content) {
			var o map[string]any
			if err := yaml.Unmarshal(doc, &o); err != nil {
				t.Fatal(err)
			}
			read[path] = append(read[path], o)
		}
	}
	if diff := cmp.Diff(read, made.Objects(tree)); diff != "" {
		t.Fatalf("the objects are not those of the files (-read +known):\n%s", diff)
	}
	path := rapid.SampledFrom(tree.Paths()).Draw(t, "edited")
	edited := maps.Clone(tree)
	edited[path] = append(bytes.Clone(tree[path]), '\n')
	if _, known := made.Objects(edited)[path]; known {
		t.Fatalf("an edited %s is taken for the rendered one", path)
	}
	if err := made.Check(edited, n, c); err == nil {
		t.Fatalf("an edited %s is not refused", path)
	}
	if err := made.Check(tree, n, c); err != nil {
		t.Fatal(err)
	}
}

// restricted evaluates the pods of a document as the cluster's admission does.
func restricted(t *rapid.T, security policy.Evaluator, path string, doc []byte) {
	var head struct{ Kind string }
	var pod corev1.PodTemplateSpec
	read := func(data []byte, v any) {
		if err := yaml.Unmarshal(data, v); err != nil {
			t.Fatal(err)
		}
	}
	switch read(doc, &head); head.Kind {
	case "Deployment":
		var d appsv1.Deployment
		read(doc, &d)
		pod = d.Spec.Template
	case "ConfigMap":
		var m corev1.ConfigMap
		read(doc, &m)
		if m.Data[jobKey] == "" {
			return
		}
		var j batchv1.Job
		read([]byte(m.Data[jobKey]), &j)
		pod = j.Spec.Template
	default:
		return
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	if res := policy.AggregateCheckResults(security.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec)); !res.Allowed {
		t.Fatalf("%s: %s", path, res.ForbiddenDetail())
	}
}

// randomIntent draws an intent that its own validation would accept.
func randomIntent(t *rapid.T) *intent.Intent {
	flag := rapid.Bool()
	in := &intent.Intent{
		APIVersion: intent.APIVersion, Kind: intent.Kind, Project: "shop",
		Lane:     rapid.SampledFrom([]string{"v0.1", "v0.10", "v1.2"}).Draw(t, "lane"),
		Cluster:  intent.Cluster{Name: "k7", Host: "K7", WorktreeRoot: "/srv"},
		Source:   intent.Source{Repository: "git@example.org:shop/shop.git"},
		Registry: intent.Registry{Address: rapid.SampledFrom([]string{"127.0.0.1:5000", "registry.example"}).Draw(t, "registry")},
		CI:       intent.CI{Namespace: "shop-ci"},
		ServiceAccounts: []intent.ServiceAccount{
			{Name: "idle"},
			{Name: "busy", Rules: []intent.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}}}},
		},
		SecretRefs:             []intent.SecretRef{{Name: "keys", Keys: []string{"a", "b"}}},
		ConfigMaps:             []intent.ConfigMap{{Name: "settings", Data: map[string]string{"text": rapid.String().Draw(t, "text")}}},
		PersistentVolumeClaims: []intent.PersistentVolumeClaim{{Name: "data", Size: "1Gi", AccessMode: "ReadWriteOnce"}},
	}
	if flag.Draw(t, "dns") {
		in.Cluster.DNS = []string{"10.43.0.10/32"}
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "services") {
		in.Services = append(in.Services, randomService(t, i))
	}
	return in
}

func randomService(t *rapid.T, i int) intent.Service {
	flag := rapid.Bool()
	s := intent.Service{
		ID: fmt.Sprintf("s%d", i), Enabled: flag.Draw(t, "enabled"), Build: intent.Build{Go: "./cmd/x"},
		Kind:           rapid.SampledFrom([]string{intent.Deployment, intent.JobTemplate}).Draw(t, "kind"),
		ServiceAccount: rapid.SampledFrom([]string{"", "idle", "busy"}).Draw(t, "account"),
		Args:           rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "args"),
		Ports:          []intent.Port{{Name: "http", Port: 8080}, {Name: "metrics", Port: 9090}}[:rapid.IntRange(1, 2).Draw(t, "ports")],
	}
	if s.Kind == intent.Deployment {
		s.Replicas = new(rapid.IntRange(0, 5).Draw(t, "replicas"))
	} else if flag.Draw(t, "bounded") {
		s.Job = &intent.Job{ActiveDeadlineSeconds: 60, TTLSecondsAfterFinished: 0}
	}
	if flag.Draw(t, "health") {
		s.Health = &intent.Health{Live: "/l", Ready: rapid.SampledFrom([]string{"", "/r"}).Draw(t, "ready")}
	}
	if flag.Draw(t, "resources") {
		s.Resources = &intent.Resources{Requests: intent.Quantities{CPU: "0.25"}, Limits: intent.Quantities{Memory: "1500Mi", EphemeralStorage: "2G"}}
	}
	env := []intent.Env{
		{Name: "VALUE", Value: new(rapid.String().Draw(t, "value"))},
		{Name: "SECRET", SecretRef: &intent.KeyRef{Name: "keys", Key: "a"}},
		{Name: "CONFIG", ConfigMapRef: &intent.KeyRef{Name: "settings", Key: "text"}},
		{Name: "LANE", ReleaseRef: intent.ReleaseLane},
		{Name: "COMMIT", ReleaseRef: intent.ReleaseSourceCommit},
		{Name: "DIGEST", ReleaseRef: intent.ReleaseImageDigest},
	}
	s.Env = env[:rapid.IntRange(0, len(env)).Draw(t, "env")]
	volumes := []intent.Volume{
		{MountPath: "/tmp", EmptyDir: &intent.EmptyDir{SizeLimit: "1Mi", Memory: flag.Draw(t, "memory")}},
		{MountPath: "/etc/settings", ConfigMap: "settings"},
		{MountPath: "/data", PersistentVolumeClaim: "data"},
	}
	s.Volumes = volumes[:rapid.IntRange(0, len(volumes)).Draw(t, "volumes")]
	if flag.Draw(t, "home") {
		s.Home = &intent.Home{Env: "HOME", Path: "/home/x", SizeLimit: "8Mi", Command: []string{"fill"}, SecretRef: intent.HomeRef{Name: "keys", Keys: []string{"b"}}}
	}
	flows := []intent.Flow{
		{Service: "s0", Ports: []int{8080}},
		{CIDR: "10.0.0.0/8", Except: []string{"10.1.0.0/16"}, Ports: []int{443}},
		{DNS: true},
	}
	s.Network.Ingress = flows[:rapid.IntRange(0, 2).Draw(t, "ingress")]
	s.Network.Egress = flows[:rapid.IntRange(0, 3).Draw(t, "egress")]
	return s
}
