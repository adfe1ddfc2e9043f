package render

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

func TestCheckAcceptsWhatRenderWrites(t *testing.T) {
	for _, name := range []string{"deployment", "storage"} {
		in := golden(t, name)
		n, c := lane(t, in)
		if err := Check(must(t, in, n, c), n, c); err != nil {
			t.Error(err)
		}
	}
}

// TestRenderedObjectsAreStrictlyKubernetes: no field that the API does not have.
func TestRenderedObjectsAreStrictlyKubernetes(t *testing.T) {
	for _, name := range []string{"deployment", "storage"} {
		in := golden(t, name)
		n, c := lane(t, in)
		for path, content := range must(t, in, n, c) {
			for doc := range bytes.SplitSeq(content, []byte("\n---\n")) {
				strictly(t, path, doc)
			}
		}
	}
}

func strictly(t *testing.T, path string, doc []byte) {
	t.Helper()
	var head struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal(doc, &head); err != nil {
		t.Fatal(err)
	}
	o := newObject(head.APIVersion, head.Kind)
	if o == nil {
		t.Fatalf("%s: %s %s is no kind of this package", path, head.APIVersion, head.Kind)
	}
	if err := yaml.UnmarshalStrict(doc, o); err != nil {
		t.Errorf("%s: %v", path, err)
	}
}

// TestCheckRefuses changes one thing in what Render wrote.
func TestCheckRefuses(t *testing.T) {
	in := golden(t, "deployment")
	n, c := lane(t, in)
	const (
		api    = "/services/api.yaml"
		job    = "/services/import.yaml"
		access = "/access.yaml"
	)
	digest := canon.Digest([]byte("image of api"))
	for _, tc := range []struct{ name, rule, file, old, new string }{
		{"A3_RefusesOtherNamespace", "A3", api, "namespace: shop-v03", "namespace: shop-v04"},
		{"A3_RefusesOtherNamespaceOfJob", "A3", job, "        app.kubernetes.io/part-of: shop\n      namespace: shop-v03", "        app.kubernetes.io/part-of: shop\n      namespace: shop-v04"},
		{"A3_RefusesOtherNamespaceObject", "A3", "/namespace.yaml", "  name: shop-v03\n", "  name: shop-v04\n"},
		{"A3_RefusesClusterRole", "A3", access, "  kind: Role\n  name", "  kind: ClusterRole\n  name"},
		{"A3_RefusesForeignSubject", "A3", access, "  name: shop-v03-api\n  namespace: shop-v03\n---", "  name: shop-v03-api\n  namespace: kube-system\n---"},
		{"A6_RefusesNodePort", "A6", api, "    port: 8080\n    protocol: TCP\n    targetPort", "    nodePort: 30080\n    port: 8080\n    protocol: TCP\n    targetPort"},
		{"A6_RefusesLoadBalancer", "A6", api, "type: ClusterIP", "type: LoadBalancer"},
		{"A6_RefusesHostPort", "A6", api, "- containerPort: 8080", "- containerPort: 8080\n          hostPort: 8080"},
		{"A6_RefusesHostNetwork", "A6", api, "enableServiceLinks: false", "enableServiceLinks: false\n      hostNetwork: true"},
		{"A6_RefusesHostPath", "A6", api, "      - configMap:\n          name: prices\n", "      - hostPath:\n          path: /\n"},
		{"G7_RefusesSecretVolume", "G7", api, "      - configMap:\n          name: prices\n", "      - secret:\n          secretName: prices\n"},
		{"G5_RefusesWholeSecret", "G5", api, "        image: ", "        envFrom:\n        - secretRef:\n            name: shop-v03-orders\n        image: "},
		{"F2_RefusesTag", "F2", api, "@" + digest, ":v1"},
		{"F2_RefusesUnknownDigest", "F2", api, "shop/api@" + digest, "shop/api@" + canon.Digest(nil)},
		{"F2_RefusesOtherRepository", "F2", api, "shop/api@" + digest, "elsewhere/api@" + digest},
		{"F2_RefusesTagInJob", "F2", job, "@" + canon.Digest([]byte("image of import")), ":v1"},
		{"C4_RefusesSecret", "C4", "/config.yaml", "kind: ConfigMap", "kind: Secret"},
		{"C3_RefusesOtherKind", "C3", "/config.yaml", "apiVersion: v1", "apiVersion: example.org/v1"},
		{"C3_RefusesClusterRoleObject", "C3", access, "kind: Role\n", "kind: ClusterRole\n"},
		{"C3_RefusesBareJob", "C3", "/config.yaml", "apiVersion: v1\ndata:\n  currency: EUR\n", "apiVersion: batch/v1\ndata:\n  currency: EUR\nkind: Job\n---\n"},
		{"C3_RefusesUnknownField", "C3", api, "  replicas: 2", "  replicas: 2\n  replica: 3"},
		{"C3_RefusesSecondKey", "C3", api, "  replicas: 2", "  replicas: 2\n  replicas: 3"},
		{"C3_RefusesHiddenDocument", "C3", "/config.yaml", "  name: prices", "  name: prices\n--- # one more\napiVersion: v1\nkind: Secret"},
		{"C3_RefusesComment", "C3", api, "  replicas: 2", "  replicas: 2 # by hand"},
		{"C3_RefusesEditedJob", "C3", job, "      backoffLimit: 0", "      backoffLimit: 0 # by hand"},
		{"C3_RefusesOtherThanJob", "C3", job, "    apiVersion: batch/v1\n    kind: Job", "    apiVersion: apps/v1\n    kind: Deployment"},
		{"C3_RefusesNoYAML", "C3", api, "spec:", "spec: ["},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tree := maps.Clone(must(t, in, n, c))
			path := n.RuntimePath + tc.file
			changed := strings.Replace(string(tree[path]), tc.old, tc.new, 1)
			if changed == string(tree[path]) {
				t.Fatalf("%q is not in %s", tc.old, path)
			}
			tree[path] = []byte(changed)
			findings(t, tc.rule, path, Check(tree, n, c))
		})
	}
}

func TestD4_RefusesManifestElsewhere(t *testing.T) {
	in := golden(t, "deployment")
	n, c := lane(t, in)
	content := must(t, in, n, c)[n.RuntimePath+"/config.yaml"]
	for _, path := range []string{"config.yaml", n.RuntimePath + "-old/config.yaml", n.RuntimePath + "/../config.yaml", n.Metadata() + "/config.yaml"} {
		findings(t, "D4", path, Check(Tree{path: content}, n, c))
	}
}

func TestC3_CompleteNamesWhatIsMissingOrLeftOver(t *testing.T) {
	in := golden(t, "deployment")
	n, c := lane(t, in)
	tree := must(t, in, n, c)
	all := append(tree.Paths(), n.ArtifactCatalog, n.Metadata()+"/hold.json")
	if err := tree.Complete(all, n); err != nil {
		t.Error(err)
	}
	old := n.RuntimePath + "/services/renamed.yaml"
	findings(t, "C3", old, tree.Complete(append(all, old), n))
	findings(t, "C3", n.ArtifactCatalog, tree.Complete(tree.Paths(), n))
	findings(t, "C3", all[0], tree.Complete(all[1:], n))
	findings(t, "C3", "README.md", tree.Complete(append(all, "README.md"), n))
}

// findings expects one finding at least, by rule and in file.
func findings(t *testing.T, rule, file string, err error) {
	t.Helper()
	fs, _ := err.(fail.Findings)
	for _, f := range fs {
		if f.Rule == rule && f.File == file && f.Hint != "" {
			return
		}
	}
	t.Errorf("want a finding by rule %s in %s, got %v", rule, file, err)
}

func FuzzCheck(f *testing.F) {
	in := golden(f, "deployment")
	n, c := lane(f, in)
	for _, content := range must(f, in, n, c) {
		f.Add(content)
	}
	f.Add([]byte("a: &a [*a]"))
	path := n.RuntimePath + "/x.yaml"
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := Check(Tree{path: content}, n, c); err != nil {
			return
		}
		if !bytes.HasPrefix(content, []byte(header)) || bytes.Contains(content, []byte("kind: Secret\n")) {
			t.Errorf("accepted\n%s", content)
		}
	})
}
