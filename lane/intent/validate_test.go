package intent_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/secretscan/fake"
)

// edit is one change of the valid intent and the finding that it must give.
type edit struct {
	name, from, to string
	pointer, why   string
}

func refuses(t *testing.T, rule string, edits []edit) {
	t.Helper()
	for _, e := range edits {
		t.Run(e.name, func(t *testing.T) {
			doc := strings.Replace(shop(t), e.from, e.to, 1)
			if doc == shop(t) {
				t.Fatalf("%q is not in the document", e.from)
			}
			fs := findings(t, doc)
			for _, f := range fs {
				if f.Rule == rule && f.Pointer == e.pointer && strings.Contains(f.Why, e.why) && f.Line > 0 && f.Column > 0 {
					return
				}
			}
			t.Errorf("want rule %s at %s: %q, got:\n%v", rule, e.pointer, e.why, fs)
		})
	}
}

func TestD1_Refuses(t *testing.T) {
	refuses(t, "D1", []edit{
		{"two services of one id", `"id": "web"`, `"id": "api"`, "/services/2/id", `the service id "api" stands twice`},
		{"a service id in capitals", `"id": "web"`, `"id": "Web"`, "/services/2/id", "cannot be a service's id"},
		{"a long service id", `"id": "web"`, `"id": "` + strings.Repeat("w", 53) + `"`, "/services/2/id", "cannot be a service's id"},
		{"another kind", `"kind": "jobTemplate"`, `"kind": "cronJob"`, "/services/1/kind", "no kind of service"},
		{"no service", `"services": [`, `"services": [], "x": [`, "/services", "no service"},

		{"a port that stands twice", `"port": 9090`, `"port": 8080`, "/services/0/ports/1/port", `the port "8080" stands twice`},
		{"a port's name that stands twice", `"name": "metrics"`, `"name": "http"`, "/services/0/ports/1/name", "stands twice"},
		{"a privileged port", `"port": 9090`, `"port": 443`, "/services/0/ports/1/port", "port 443 is out of range"},
		{"a port too high", `"port": 9090`, `"port": 65536`, "/services/0/ports/1/port", "out of range"},
		{"a port's name too long", `"name": "metrics"`, `"name": "metrics-of-the-api"`, "/services/0/ports/1/name", "no port's name"},
		{"health without a port", `"ports": [{ "name": "http", "port": 8080 }, { "name": "metrics", "port": 9090 }],`, ``, "/services/0/health", "no port"},
		{"a relative health path", `"/healthz"`, `"healthz"`, "/services/0/health/live", "no path"},

		{"a wrong quantity", `"cpu": "50m"`, `"cpu": "50 millis"`, "/services/0/resources/requests/cpu", "no quantity"},
		{"a quantity of nothing", `"cpu": "50m"`, `"cpu": "0"`, "/services/0/resources/requests/cpu", "no quantity"},
		{"a negative quantity", `"memory": "64Mi"`, `"memory": "-64Mi"`, "/services/0/resources/requests/memory", "no quantity"},
		{"a request above its limit", `"memory": "64Mi"`, `"memory": "1Gi"`, "/services/0/resources/requests/memory", "above the limit"},
		{"a wrong size", `"size": "10Gi"`, `"size": "ten"`, "/persistentVolumeClaims/0/size", "no quantity"},
		{"a wrong size limit", `"sizeLimit": "32Mi"`, `"sizeLimit": "32MB!"`, "/services/0/volumes/3/emptyDir/sizeLimit", "no quantity"},

		{"negative replicas", `"replicas": 2`, `"replicas": -1`, "/services/0/replicas", "-1 replicas"},
		{"a thousand replicas", `"replicas": 2`, `"replicas": 1000`, "/services/0/replicas", "1000 replicas"},
		{"replicas of a job template", `"home": {`, `"replicas": 1, "home": {`, "/services/1/replicas", "a job template has no replicas"},
		{"a deployment with a job", `"replicas": 2`, `"job": {"activeDeadlineSeconds": 1, "ttlSecondsAfterFinished": 1}`, "/services/0/job", "a deployment has no job"},
		{"a job without an end", `"activeDeadlineSeconds": 600`, `"activeDeadlineSeconds": 0`, "/services/1/job/activeDeadlineSeconds", "out of range"},

		{"a build of nothing", `"build": { "go": "./cmd/api" }`, `"build": {}`, "/services/0/build", "makes nothing"},
		{"a build outside the tree", `"./cmd/api"`, `"../api"`, "/services/0/build/go", "no folder of the source tree"},
		{"a build through the parent", `"./cmd/api"`, `"./cmd/../../api"`, "/services/0/build/go", "no folder"},
		{"a build of an absolute path", `"./cmd/api"`, `"/cmd/api"`, "/services/0/build/go", "no folder"},
		{"a build of all packages", `"./cmd/api"`, `"./..."`, "/services/0/build/go", "no folder"},
		{"a build of another module", `"./cmd/api"`, `"example.com/api"`, "/services/0/build/go", "no folder"},
		{"a build that is a flag", `"./cmd/api"`, `"-toolexec=x"`, "/services/0/build/go", "no folder"},
		{"a Dockerfile outside the tree", `"web/Dockerfile"`, `"../Dockerfile"`, "/services/2/build/dockerfile", "no path of the source tree"},
		{"a Dockerfile with a backslash", `"web/Dockerfile"`, `"web\\Dockerfile"`, "/services/2/build/dockerfile", "no path"},
		{"inputs without a Dockerfile", `{ "go": "./cmd/api" }`, `{ "go": "./cmd/api", "inputs": ["a"] }`, "/services/0/build/inputs", "copies no files"},
		{"a Dockerfile without inputs", `, "inputs": ["web/static/**"]`, ``, "/services/2/build", "which files change the image"},
		{"inputs outside the tree", `"web/static/**"`, `"web/../../x"`, "/services/2/build/inputs/0", "no glob"},
		{"absolute inputs", `"web/static/**"`, `"/etc/passwd"`, "/services/2/build/inputs/0", "no glob"},
		{"a malformed glob", `"web/static/**"`, `"web/[a"`, "/services/2/build/inputs/0", "no glob"},
		{"a glob that looks recursive", `"web/static/**"`, `"web/**.css"`, "/services/2/build/inputs/0", "no glob"},
		{"a glob that stands twice", `"mail/*.css"`, `"mail/templates/**"`, "/services/1/build/inputs/1", "stands twice"},

		{"a variable that stands twice", `"name": "COMMIT"`, `"name": "LANE"`, "/services/0/env/4/name", "stands twice"},
		{"a variable of a wrong name", `"name": "COMMIT"`, `"name": "9-LIVES"`, "/services/0/env/4/name", "no variable's name"},
		{"a variable without a source", `, "releaseRef": "lane"`, ``, "/services/0/env/3", "no source"},
		{"a variable of two sources", `"releaseRef": "lane"`, `"releaseRef": "lane", "value": "x"`, "/services/0/env/3", "2 sources"},
		{"an unknown fact of the release", `"releaseRef": "lane"`, `"releaseRef": "time"`, "/services/0/env/3/releaseRef", "no fact of a release"},

		{"an undeclared ServiceAccount", `"serviceAccount": "api"`, `"serviceAccount": "root"`, "/services/0/serviceAccount", `the ServiceAccount "root" is not declared`},
		{"an undeclared ConfigMap", `"configMap": "settings"`, `"configMap": "setting"`, "/services/0/volumes/0/configMap", "not declared"},
		{"an undeclared key of a ConfigMap", `"key": "currency"`, `"key": "curency"`, "/services/0/env/0/configMapRef/key", "not declared"},
		{"an undeclared claim", `"persistentVolumeClaim": "uploads"`, `"persistentVolumeClaim": "upload"`, "/services/0/volumes/1/persistentVolumeClaim", "not declared"},
		{"an undeclared job template", `"jobTemplate": "mailer"`, `"jobTemplate": "mailers"`, "/services/0/volumes/2/jobTemplate", "not declared"},
		{"a deployment as job template", `"jobTemplate": "mailer"`, `"jobTemplate": "web"`, "/services/0/volumes/2/jobTemplate", "is no jobTemplate"},
		{"an undeclared service", `{ "service": "web", "ports": [8080] }`, `{ "service": "wbe" }`, "/services/0/network/ingress/0/service", "not declared"},
		{"a service that takes no part", `"kind": "jobTemplate",
      "enabled": true`, `"kind": "jobTemplate",
      "enabled": false`, "/services/0/volumes/2/jobTemplate", "does not take part"},
		{"an account that nothing uses", `"serviceAccount": "mailer",`, ``, "/serviceAccounts/1/name", "nothing uses it"},
		{"an account declared twice", `{ "name": "mailer" }`, `{ "name": "mailer" }, { "name": "api" }`, "/serviceAccounts/2/name", "declared twice"},
		{"Kubernetes' own account", `{ "name": "mailer" }`, `{ "name": "default" }`, "/serviceAccounts/1/name", "Kubernetes' own"},
		{"a ConfigMap where a template is rendered", `"name": "settings", "data"`, `"name": "mailer-job", "data"`, "/configMaps/0/name", "is rendered"},
		{"a Secret's key that stands twice", `"keys": ["DATABASE_URL"]`, `"keys": ["DATABASE_URL", "DATABASE_URL"]`, "/secretRefs/0/keys/1", "stands twice"},
		{"a Secret without keys", `"keys": ["DATABASE_URL"]`, `"keys": []`, "/secretRefs/0/keys", "no key is declared"},
		{"a purpose of many lines", `"the database of orders"`, `"the database\nof orders"`, "/secretRefs/0/purpose", "more than a line"},
		{"an access mode", `"ReadWriteOnce"`, `"ReadWrite"`, "/persistentVolumeClaims/0/accessMode", "no access mode"},
		{"one pod's claim for two", `"ReadWriteOnce"`, `"ReadWriteOncePod"`, "/services/0/volumes/1/persistentVolumeClaim", "can be mounted by one pod"},

		{"a mount path that stands twice", `"mountPath": "/tmp"`, `"mountPath": "/etc/shop"`, "/services/0/volumes/3/mountPath", "stands twice"},
		{"a relative mount path", `"mountPath": "/tmp"`, `"mountPath": "tmp"`, "/services/0/volumes/3/mountPath", "cannot be mounted on"},
		{"a mount on the root", `"mountPath": "/tmp"`, `"mountPath": "/"`, "/services/0/volumes/3/mountPath", "cannot be mounted on"},
		{"a mount over the kernel's files", `"mountPath": "/tmp"`, `"mountPath": "/proc/x"`, "/services/0/volumes/3/mountPath", "cannot be mounted on"},
		{"a volume without a source", `"configMap": "settings" },`, `"configMap": "" },`, "/services/0/volumes/0", "no source"},

		{"a wildcard verb", `"verbs": ["create", "get", "list", "watch", "delete"]`, `"verbs": ["*"]`, "/serviceAccounts/0/rules/0/verbs/0", "wildcard"},
		{"a wildcard resource", `"resources": ["jobs"]`, `"resources": ["*"]`, "/serviceAccounts/0/rules/0/resources/0", "wildcard"},
		{"a wildcard group", `"apiGroups": ["batch"]`, `"apiGroups": ["*"]`, "/serviceAccounts/0/rules/0/apiGroups/0", "wildcard"},
		{"a wildcard subresource", `"pods/log"`, `"pods/*"`, "/serviceAccounts/0/rules/1/resources/1", "wildcard"},
		{"escalate", `"delete"]`, `"escalate"]`, "/serviceAccounts/0/rules/0/verbs/4", "gives itself more"},
		{"impersonate", `"delete"]`, `"impersonate"]`, "/serviceAccounts/0/rules/0/verbs/4", "gives itself more"},
		{"an unknown verb", `"delete"]`, `"remove"]`, "/serviceAccounts/0/rules/0/verbs/4", "no verb"},
		{"reading Secrets", `"pods/log"`, `"secrets"`, "/serviceAccounts/0/rules/1/resources/1", "only by secretRef"},
		{"exec", `"pods/log"`, `"pods/exec"`, "/serviceAccounts/0/rules/1/resources/1", "by hand"},
		{"a token of another account", `"pods/log"`, `"serviceaccounts/token"`, "/serviceAccounts/0/rules/1/resources/1", "tokens of other accounts"},
		{"a resource of the cluster", `"pods/log"`, `"nodes"`, "/serviceAccounts/0/rules/1/resources/1", "not in the lane's namespace"},
		{"rights to give rights", `"apiGroups": ["batch"]`, `"apiGroups": ["rbac.authorization.k8s.io"]`, "/serviceAccounts/0/rules/0/apiGroups/0", "give rights"},
		{"create limited by name", `"resourceNames": ["settings"], "verbs": ["get"]`, `"resourceNames": ["settings"], "verbs": ["create"]`, "/serviceAccounts/0/rules/2/verbs/0", "not limited by resourceNames"},

		{"a seccomp profile outside its folder", `"lane/buildkit.json"`, `"../buildkit.json"`, "/ci/seccompProfile", "no path of a seccomp profile"},
		{"a seccomp profile through the parent", `"lane/buildkit.json"`, `"lane/../buildkit.json"`, "/ci/seccompProfile", "no path"},
		{"a seccomp profile by an absolute path", `"lane/buildkit.json"`, `"/var/lib/kubelet/seccomp/buildkit.json"`, "/ci/seccompProfile", "no path"},
		{"a seccomp profile by an unclean path", `"lane/buildkit.json"`, `"lane//buildkit.json"`, "/ci/seccompProfile", "no path"},
		{"a seccomp profile of another form", `"lane/buildkit.json"`, `"lane/buildkit.yaml"`, "/ci/seccompProfile", "no path"},
		{"a seccomp profile of no name", `"lane/buildkit.json"`, `"lane/.json"`, "/ci/seccompProfile", "no path"},
		{"a seccomp profile of two lines", `"lane/buildkit.json"`, `"lane/buildkit.json\n"`, "/ci/seccompProfile", "no path"},
		{"a seccomp profile of a long name", `"lane/buildkit.json"`, `"` + strings.Repeat("lane/", 40) + `x.json"`, "/ci/seccompProfile", "no path"},

		{"no CIDR", `"10.0.7.0/24"`, `"10.0.7.0"`, "/services/0/network/egress/1/cidr", "no CIDR"},
		{"an address within a network", `"10.0.7.0/24"`, `"10.0.7.9/24"`, "/services/0/network/egress/1/cidr", "not the network"},
		{"an exception outside", `"except": ["10.66.0.0/16"]`, `"except": ["192.168.0.0/16"]`, "/services/0/network/ingress/1/except/0", "is not within"},
		{"a flow out without ports", `, "ports": [5432]`, ``, "/services/0/network/egress/1", "names no port"},
		{"a flow to no one", `{ "dns": true }, { "cidr": "10.0.7.0/24"`, `{}, { "cidr": "10.0.7.0/24"`, "/services/0/network/egress/0", "no source"},
		{"a flow to two", `"dns": true }, { "cidr": "10.0.7.0/24"`, `"dns": true, "service": "web" }, { "cidr": "10.0.7.0/24"`, "/services/0/network/egress/0", "2 sources"},
		{"DNS to a service", `{ "service": "web", "ports": [8080] }`, `{ "dns": true }`, "/services/0/network/ingress/0/dns", "no resolver asks"},
		{"a flow to a port there is not", `"service": "api", "ports": [8080]`, `"service": "api", "ports": [8085]`, "/services/2/network/egress/1/ports/0", "has no port 8085"},
		{"a resolver that is no network", `"169.254.20.10/32"`, `"169.254.20.10"`, "/cluster/dns/0", "no CIDR"},

		{"a repository with a user", `"git@git.example.com:shop/shop.git"`, `"https://me@git.example.com/shop"`, "/source/repository", "is a credential"},
		{"a repository in the clear", `"git@git.example.com:shop/shop.git"`, `"http://git.example.com/shop"`, "/source/repository", "neither encrypted"},
		{"a repository in a folder", `"git@git.example.com:shop/shop.git"`, `"file:///srv/shop.git"`, "/source/repository", "neither encrypted"},
		{"a repository that is a command", `"git@git.example.com:shop/shop.git"`, `"ext::sh -c x"`, "/source/repository", "no git URL"},
	})
}

func TestA1_Refuses(t *testing.T) {
	refuses(t, "A1", []edit{
		{"a project in capitals", `"project": "shop"`, `"project": "Shop"`, "/project", "cannot be part of a lane's names"},
		{"a lane with zeros", `"lane": "v0.3"`, `"lane": "v0.03"`, "/lane", "cannot be part"},
		{"a cluster with a hyphen", `"name": "k7"`, `"name": "k-7"`, "/cluster/name", "cannot be part"},
		{"a namespace of one's own choice", `"project"`, `"namespace": "x", "project"`, "/namespace", `unknown field "namespace"`},
		{"a branch of one's own choice", `"repository"`, `"branch": "main", "repository"`, "/source/branch", `unknown field "branch"`},
	})
}

func TestA5_RefusesRetiredNames(t *testing.T) {
	refuses(t, "A5", []edit{
		{"project", `"project": "shop"`, `"project": "shop-dev"`, "/project", "retired"},
		{"namespace of CI", `"namespace": "shop-ci"`, `"namespace": "prod"`, "/ci/namespace", "retired"},
		{"service id", `"id": "web"`, `"id": "web-prod"`, "/services/2/id", "retired"},
		{"Secret", `"name": "shop-v03-mail", "keys"`, `"name": "shop_dev", "keys"`, "/secretRefs/1/name", "retired"},
		{"within an address", `"http://api:8080"`, `"http://api.shop-dev.svc.cluster.local"`, "/services/1/env/0/value", "retired"},
		{"any project's", `"good day"`, `"other_PROD"`, "/services/0/env/2/value", "retired"},
		{"a key", `"currency": "EUR"`, `"shop-prod": "EUR"`, "/configMaps/0/data/shop-prod", "retired"},
	})
}

func TestA6_RefusesPublicEntries(t *testing.T) {
	refuses(t, "A6", []edit{
		{"nodePort", `"port": 9090`, `"port": 9090, "nodePort": 30080`, "/services/0/ports/1/nodePort", `unknown field "nodePort"`},
		{"hostPort", `"port": 9090`, `"port": 9090, "hostPort": 9090`, "/services/0/ports/1/hostPort", `unknown field "hostPort"`},
		{"LoadBalancer", `"replicas": 2`, `"type": "LoadBalancer"`, "/services/0/type", `unknown field "type"`},
		{"loadBalancerIP", `"replicas": 2`, `"loadBalancerIP": "10.0.0.9"`, "/services/0/loadBalancerIP", "unknown field"},
		{"externalIPs", `"replicas": 2`, `"externalIPs": ["10.0.0.9"]`, "/services/0/externalIPs", "unknown field"},
		{"a fixed pod IP", `"replicas": 2`, `"podIP": "10.0.0.9"`, "/services/0/podIP", "unknown field"},
		{"flows from everywhere", `"cidr": "10.0.0.0/8", "except": ["10.66.0.0/16"]`, `"cidr": "0.0.0.0/0"`, "/services/0/network/ingress/1/cidr", "the whole world"},
		{"a placeholder for no port", `"port": "http"`, `"port": "https"`, "/services/0/ingress/port", "no port"},
		{"a placeholder for every host", `"shop.example.com"`, `"*"`, "/services/0/ingress/host", "no host name"},
	})
}

func TestB2_RefusesHostNetwork(t *testing.T) {
	refuses(t, "B2", []edit{
		{"of a service", `"replicas": 2`, `"hostNetwork": true`, "/services/0/hostNetwork", "unknown field"},
		{"of CI", `"noProxy"`, `"dnsPolicy": "Default", "noProxy"`, "/ci/dnsPolicy", "unknown field"},
	})
}

func TestB3_RefusesNetworkFacts(t *testing.T) {
	refuses(t, "B3", []edit{
		{"without the domain", `"hyueapi.com", `, ``, "/ci", `lacks "hyueapi.com"`},
		{"without its subdomains", `".hyueapi.com", `, ``, "/ci", `lacks ".hyueapi.com"`},
		{"without the cluster's domain", `, ".svc.cluster.local"`, ``, "/ci", `lacks ".svc.cluster.local"`},
		{"without the service CIDR", `"10.43.0.0/16", `, ``, "/ci", "lacks the cluster's service CIDR"},
		{"with a URL", `"hyueapi.com", `, `"hyueapi.com", "http://x", `, "/ci/noProxy/1", "nothing that a proxy can be bypassed for"},
		{"with everything", `"hyueapi.com", `, `"hyueapi.com", "*", `, "/ci/noProxy/1", "nothing that a proxy can be bypassed for"},
		{"a proxy with a user", `"http://127.0.0.1:10808"`, `"http://me@127.0.0.1:10808"`, "/ci/proxy", "no proxy's address"},
		{"a proxy without a port", `"http://127.0.0.1:10808"`, `"http://127.0.0.1"`, "/ci/proxy", "no proxy's address"},
	})
}

func TestB4_RefusesRegistryAddress(t *testing.T) {
	refuses(t, "B4", []edit{
		{"with a scheme", `"127.0.0.1:5000"`, `"http://127.0.0.1:5000"`, "/registry/address", "no host and port"},
		{"with a path", `"127.0.0.1:5000"`, `"127.0.0.1:5000/shop"`, "/registry/address", "no host and port"},
		{"without a port", `"127.0.0.1:5000"`, `"127.0.0.1"`, "/registry/address", "no host and port"},
	})
}

// All that a lane has is in its one namespace: no object can name another.
func TestG4_RefusesOtherNamespaces(t *testing.T) {
	refuses(t, "A1", []edit{
		{"of a Secret", `"name": "shop-v03-postgres", "keys"`, `"namespace": "x", "name": "shop-v03-postgres", "keys"`, "/secretRefs/0/namespace", "unknown field"},
		{"of an account", `{ "name": "mailer" }`, `{ "name": "mailer", "namespace": "x" }`, "/serviceAccounts/1/namespace", "unknown field"},
		{"of a ConfigMap", `"name": "settings", "data"`, `"namespace": "x", "name": "settings", "data"`, "/configMaps/0/namespace", "unknown field"},
		{"of a claim", `"size": "10Gi"`, `"namespace": "x", "size": "10Gi"`, "/persistentVolumeClaims/0/namespace", "unknown field"},
		{"of a service", `"replicas": 2`, `"namespace": "x"`, "/services/0/namespace", "unknown field"},
		{"of a flow", `{ "service": "web", "ports": [8080] }`, `{ "service": "web", "namespace": "x" }`, "/services/0/network/ingress/0/namespace", "unknown field"},
	})
}

func TestG5_RefusesUndeclaredSecrets(t *testing.T) {
	refuses(t, "G5", []edit{
		{"a Secret", `"name": "shop-v03-postgres", "key": "DATABASE_URL"`, `"name": "shop-v03-redis", "key": "DATABASE_URL"`, "/services/0/env/1/secretRef/name", `the Secret "shop-v03-redis" is not declared`},
		{"a key", `"name": "shop-v03-postgres", "key": "DATABASE_URL"`, `"name": "shop-v03-postgres", "key": "URL"`, "/services/0/env/1/secretRef/key", "not declared"},
		{"a key of the home", `"secretRef": { "name": "shop-v03-mail", "keys": ["account.json", "settings.toml"] }`, `"secretRef": { "name": "shop-v03-mail", "keys": ["account.json", "other"] }`, "/services/1/home/secretRef/keys/1", "not declared"},
		{"a key that nothing reads", `"keys": ["DATABASE_URL"]`, `"keys": ["DATABASE_URL", "SPARE"]`, "/secretRefs/0/keys/1", "nothing uses it"},
	})
}

func TestG7_RefusesHomes(t *testing.T) {
	refuses(t, "G7", []edit{
		{"the Secret as a variable too", `"env": [{ "name": "API_ADDRESS", "value": "http://api:8080" }]`, `"env": [{ "name": "ACCOUNT", "secretRef": { "name": "shop-v03-mail", "key": "account.json" } }]`, "/services/1/env/0", "appears nowhere else"},
		{"no command", `"command": ["home"]`, `"command": []`, "/services/1/home/command", "no command"},
		{"no keys", `"secretRef": { "name": "shop-v03-mail", "keys": ["account.json", "settings.toml"] }`, `"secretRef": { "name": "shop-v03-mail", "keys": [] }`, "/services/1/home/secretRef/keys", "no key is copied"},
	})
}

func TestD2_RefusesWhatAReleaseMakes(t *testing.T) {
	refuses(t, "D2", []edit{
		{"field image", `"replicas": 2`, `"image": "x"`, "/services/0/image", `unknown field "image"`},
		{"field tag", `"replicas": 2`, `"tag": "x"`, "/services/0/tag", `unknown field "tag"`},
		{"field digest", `"replicas": 2`, `"digest": "x"`, "/services/0/digest", `unknown field "digest"`},
		{"field status", `"replicas": 2`, `"status": "published"`, "/services/0/status", `unknown field "status"`},
		{"digest", `"good day"`, `"` + fake.Digest() + `"`, "/services/0/env/2/value", "a digest"},
		{"digest in capitals", `"good day"`, `"` + strings.ToUpper(fake.Digest()) + `"`, "/services/0/env/2/value", "a digest"},
		{"bare digest", `"good day"`, `"x ` + fake.Digest()[7:] + `"`, "/services/0/env/2/value", "a commit id or digest"},
		{"commit", `"good day"`, `"built from ` + fake.Commit() + `"`, "/services/0/env/2/value", "a commit id"},
		{"image by digest", `"good day"`, `"127.0.0.1:5000/shop/api@` + fake.Digest() + `"`, "/services/0/env/2/value", "a digest"},
		{"image by tag", `"good day"`, `"127.0.0.1:5000/shop/api:v3"`, "/services/0/env/2/value", "an image with a tag"},
		{"short image by tag", `"good day"`, `"postgres:16.2"`, "/services/0/env/2/value", "an image with a tag"},
		{"image latest", `"good day"`, `"--image=nginx:latest"`, "/services/0/env/2/value", "an image with a tag"},
		{"image URL", `"good day"`, `"docker://docker.io/library/nginx:1"`, "/services/0/env/2/value", "an image with a tag"},
		{"PipelineRun", `"good day"`, `"shop-v03-ci-` + fake.Commit()[:12] + `-1"`, "/services/0/env/2/value", "PipelineRun"},
		{"TaskRun", `"good day"`, `"shop-v03-ci-` + fake.Commit()[:12] + `-1-publish"`, "/services/0/env/2/value", "PipelineRun"},
		{"manifest", `"good day"`, `"apiVersion: v1\nkind: Service\n"`, "/services/0/env/2/value", "a manifest"},
		{"manifest as JSON", `"good day"`, `"{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\"}"`, "/services/0/env/2/value", "a manifest"},
	})
}

func TestD2_RefusesCredentialsByName(t *testing.T) {
	refuses(t, "D2", []edit{
		{"a password", `"name": "GREETING", "value": "good day"`, `"name": "SMTP_PASSWORD", "value": "hunter2"`, "/services/0/env/2/value", "names a credential"},
		{"a token", `"name": "GREETING", "value": "good day"`, `"name": "githubToken", "value": "abc"`, "/services/0/env/2/value", "names a credential"},
		{"a database URL", `"name": "GREETING", "value": "good day"`, `"name": "DATABASE_URL", "value": "postgres://db/app"`, "/services/0/env/2/value", "names a credential"},
		{"an API key as an argument", `"--verbose"`, `"--api-key=abc"`, "/services/0/args/1", "names a credential"},
		{"a DSN's password", `"good day"`, `"host=db user=app password=abc"`, "/services/0/env/2/value", "names a credential"},
		{"a ConfigMap's password", `"currency": "EUR"`, `"currency": "EUR", "password": "abc"`, "/configMaps/0/data/password", "names a credential"},
		{"a password in a configuration file", `"Welcome.\nOpen all day.\n"`, `"[mail]\npassword = \"abc\"\n"`, "/configMaps/0/data/banner.txt", "names a credential"},
		{"a variable from a ConfigMap", `"name": "CURRENCY"`, `"name": "API_TOKEN"`, "/services/0/env/0/configMapRef", "names a credential"},
		{"the placeholder of a password in a URL", `"good day"`, `"postgres://user:password@db/app"`, "/services/0/env/2/value", "credential"},
		{"a repository's password", `"git@git.example.com:shop/shop.git"`, `"ssh://git:x@git.example.com/shop"`, "/source/repository", "a URL with a password"},
		{"a certificate", `"good day"`, `"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"`, "/services/0/env/2/value", "credential"},
	})
}

// A name may speak of a credential without being one.
func TestD2_AcceptsNamesOfCredentials(t *testing.T) {
	for _, env := range []string{
		`"name": "TOKEN_FILE", "value": "/run/token"`,
		`"name": "TOKEN_AUDIENCE", "value": "api"`,
		`"name": "MAX_TOKENS", "value": "4096"`,
		`"name": "SECRET_NAME", "value": "mail"`,
		`"name": "MAILER", "value": "--token-file=/run/token"`,
		`"name": "DSN", "value": "$(OTHER)"`,
		`"name": "KEYBOARD", "value": "qwerty"`,
		`"name": "MIRROR", "value": "http://mirror.example:8080/debian"`,
		`"name": "LISTEN", "value": "0.0.0.0:8080"`,
		`"name": "SINK", "value": "/dev/null"`,
	} {
		doc := strings.Replace(shop(t), `"name": "GREETING", "value": "good day"`, env, 1)
		if _, err := parse(doc); err != nil {
			t.Errorf("%s: %v", env, err)
		}
	}
}

func TestFindingsComeAllAtOnceAndInOrder(t *testing.T) {
	doc := shop(t)
	for _, r := range [][2]string{
		{`"lane": "v0.3"`, `"lane": "0.3"`}, {`"replicas": 2`, `"replicsa": 2`}, {`"port": 8081`, `"port": 80`}, {`"good day"`, `"` + fake.GitHubToken() + `"`},
	} {
		doc = strings.Replace(doc, r[0], r[1], 1)
	}
	fs := findings(t, doc)
	var at []string
	for _, f := range fs {
		at = append(at, f.Rule+" "+f.Pointer)
	}
	want := "A1 /lane, D2 /services/0/replicsa, D2 /services/0/env/2/value, D1 /services/2/ports/0/port"
	if got := strings.Join(at, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if fail.CodeOf(fs) != fail.Refused {
		t.Errorf("exit code %d", fail.CodeOf(fs))
	}
}
