package render

import (
	"bytes"
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
			for doc := range documents(content) {
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

// edit replaces one piece of one rendered file.
type edit struct{ name, file, old, new string }

const (
	apiFile     = "/services/api.yaml"
	importFile  = "/services/import.yaml"
	accessFile  = "/access.yaml"
	configFile  = "/config.yaml"
	imageOfAPI  = "image of api"
	pricesMount = "      - name: etc-shop-prices\n        configMap:\n          name: prices\n"
)

func TestA3_CheckRefusesForeignObjects(t *testing.T) {
	refusesEach(t, "A3", []edit{
		{"another namespace", apiFile, "namespace: shop-v03", "namespace: shop-v04"},
		{"another namespace in the job", importFile, "generateName: import-\n      namespace: shop-v03", "generateName: import-\n      namespace: shop-v04"},
		{"another Namespace", "/namespace.yaml", "  name: shop-v03\n", "  name: shop-v04\n"},
		{"a ClusterRole's powers", accessFile, "  kind: Role\n  name", "  kind: ClusterRole\n  name"},
		{"a foreign subject", accessFile, "subjects:\n- kind: ServiceAccount\n  name: shop-v03-api\n  namespace: shop-v03", "subjects:\n- kind: ServiceAccount\n  name: shop-v03-api\n  namespace: kube-system"},
	})
}

func TestA6_CheckRefusesWaysInFromOutside(t *testing.T) {
	refusesEach(t, "A6", []edit{
		{"node port", apiFile, "    targetPort: http", "    targetPort: http\n    nodePort: 30080"},
		{"load balancer", apiFile, "type: ClusterIP", "type: LoadBalancer"},
		{"no type", apiFile, "  type: ClusterIP\n", ""},
		{"external IP", apiFile, "type: ClusterIP", "type: ClusterIP\n  externalIPs:\n  - 192.0.2.1"},
		{"host port", apiFile, "containerPort: 8080", "hostPort: 8080\n          containerPort: 8080"},
		{"host network", apiFile, "enableServiceLinks: false", "hostNetwork: true\n      enableServiceLinks: false"},
		{"host network in the job", importFile, "enableServiceLinks: false", "hostNetwork: true\n          enableServiceLinks: false"},
		{"host path", apiFile, pricesMount, "      - name: etc-shop-prices\n        hostPath:\n          path: /\n"},
	})
}

func TestG7_CheckRefusesSecretVolume(t *testing.T) {
	refusesEach(t, "G7", []edit{{"a volume", apiFile, pricesMount, "      - name: etc-shop-prices\n        secret:\n          secretName: prices\n"}})
}

func TestG5_CheckRefusesAllKeysOfASecret(t *testing.T) {
	refusesEach(t, "G5", []edit{{"envFrom", apiFile, "        env:\n", "        envFrom:\n        - secretRef:\n            name: shop-v03-orders\n        env:\n"}})
}

func TestF2_CheckRefusesImagesThatAreNotTheCatalogs(t *testing.T) {
	digest := canon.Digest([]byte(imageOfAPI))
	refusesEach(t, "F2", []edit{
		{"tag", apiFile, "shop/api@" + digest, "shop/api:v1"},
		{"tag in the job", importFile, "@" + canon.Digest([]byte("image of import")), ":v1"},
		{"unknown digest", apiFile, "shop/api@" + digest, "shop/api@" + canon.Digest(nil)},
		{"another service's digest", apiFile, "shop/api@" + digest, "shop/api@" + canon.Digest([]byte("image of import"))},
		{"another repository", apiFile, "shop/api@" + digest, "elsewhere/api@" + digest},
		{"no registry", apiFile, "image: registry.k7.example:5000/shop/api@", "image: shop/api@"},
	})
}

func TestC4_CheckRefusesSecretObject(t *testing.T) {
	refusesEach(t, "C4", []edit{{"kind", configFile, "kind: ConfigMap", "kind: Secret"}})
}

func TestC3_CheckRefusesWhatLaneDoesNotWrite(t *testing.T) {
	refusesEach(t, "C3", []edit{
		{"another API", configFile, "apiVersion: v1", "apiVersion: example.org/v1"},
		{"a ClusterRole", accessFile, "kind: Role\n", "kind: ClusterRole\n"},
		{"a bare Job", configFile, "apiVersion: v1\nkind: ConfigMap\n", "apiVersion: batch/v1\nkind: Job\n"},
		{"an unknown field", apiFile, "  replicas: 2", "  replicas: 2\n  replica: 3"},
		{"a second key", apiFile, "  replicas: 2", "  replicas: 2\n  replicas: 3"},
		{"a hidden document", configFile, "  name: prices", "  name: prices\n--- # one more\napiVersion: v1\nkind: Secret"},
		{"a comment", apiFile, "  replicas: 2", "  replicas: 2 # by hand"},
		{"an edited job", importFile, "      backoffLimit: 0", "      backoffLimit: 0 # by hand"},
		{"no job in the job", importFile, "    apiVersion: batch/v1\n    kind: Job", "    apiVersion: apps/v1\n    kind: Deployment"},
		{"no object", configFile, "apiVersion: v1\nkind: ConfigMap\n", "apiVersion: [v1]\nkind: ConfigMap\n"},
		{"no YAML", apiFile, "spec:", "spec: ["},
	})
}

func refusesEach(t *testing.T, rule string, edits []edit) {
	in := golden(t, "deployment")
	n, c := lane(t, in)
	for _, e := range edits {
		t.Run(e.name, func(t *testing.T) {
			tree := must(t, in, n, c)
			path := n.RuntimePath + e.file
			changed := strings.Replace(string(tree[path]), e.old, e.new, 1)
			if changed == string(tree[path]) {
				t.Fatalf("%q is not in %s", e.old, path)
			}
			tree[path] = []byte(changed)
			findings(t, rule, path, Check(tree, n, c))
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
		k := &checker{n: n, pinned: pinned(c), file: path} // not Check: goroutines make coverage unsteady
		if k.read(content); len(k.findings) > 0 {
			return
		}
		if !bytes.HasPrefix(content, []byte(header)) || bytes.Contains(content, []byte("kind: Secret\n")) {
			t.Errorf("accepted\n%s", content)
		}
	})
}
