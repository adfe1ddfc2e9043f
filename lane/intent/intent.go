// Package intent reads deploy/deploy.json, the one hand-written file that says
// what a lane runs (rules D1 and D2).
//
// Parse turns bytes into an Intent or into findings, each with file, line,
// column, JSON pointer, the reason and what to write instead. It is strict:
// unknown fields, duplicate keys, trailing data and deep nesting are errors, and
// so is every value that is constructed by a release (digests, tags) or that is
// or looks like a credential. What cannot be declared at all - NodePort,
// hostPort, hostNetwork, wildcard RBAC, a namespace of one's own choice - has no
// field (rules A1, A6, B2). The package never writes the file (rule D3), knows
// no project by name, rule B3's two domains aside, and asks no network.
package intent

import "github.com/pikasTech/agentrun/lane/names"

// Path is where the intent stands in the source tree.
const Path = "deploy/deploy.json"

// The document's type.
const (
	APIVersion = names.APIVersion
	Kind       = "Intent"
)

// Intent is what should run. Lists keep the file's order.
type Intent struct {
	Schema     string `json:"$schema,omitempty"`
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`

	Project  string   `json:"project"` // part of every name of the lane
	Lane     string   `json:"lane"`    // such as v0.1
	Cluster  Cluster  `json:"cluster"`
	Source   Source   `json:"source"`
	Registry Registry `json:"registry"`
	CI       CI       `json:"ci"`

	SecretRefs             []SecretRef             `json:"secretRefs,omitempty"`
	ServiceAccounts        []ServiceAccount        `json:"serviceAccounts,omitempty"`
	ConfigMaps             []ConfigMap             `json:"configMaps,omitempty"`
	PersistentVolumeClaims []PersistentVolumeClaim `json:"persistentVolumeClaims,omitempty"`
	Services               []Service               `json:"services"`
}

// Cluster is where the lane runs.
type Cluster struct {
	Name         string   `json:"name"`
	Host         string   `json:"host"`
	WorktreeRoot string   `json:"worktreeRoot"`
	DNS          []string `json:"dns,omitempty"` // CIDRs of the cluster's resolvers, beside the pods of kube-system
}

// Source is where the code comes from.
type Source struct {
	Repository string `json:"repository"` // git URL without credentials
}

// Registry is the lane's image registry (rule B4).
type Registry struct {
	Address  string `json:"address"`           // host:port, as tasks and nodes reach it
	Insecure bool   `json:"insecure,omitzero"` // plain HTTP
}

// CI holds the network facts of the pipeline (rules B3 and B4), whose word counts
// for a promotion, and what confines the step that builds images.
type CI struct {
	Namespace string   `json:"namespace"`
	Proxy     string   `json:"proxy,omitempty"`
	NoProxy   []string `json:"noProxy,omitempty"`
	Signers   []string `json:"signers,omitempty"` // public keys in the form "ssh-ed25519 BASE64 [comment]"

	// SeccompProfile is a file within the kubelet's seccomp folder, the same on each
	// node, or "" where the step runs unconfined.
	SeccompProfile string `json:"seccompProfile,omitempty"`
}

// SecretRef declares a Secret by name and keys; its values are never in a file.
type SecretRef struct {
	Name    string   `json:"name"`
	Keys    []string `json:"keys"`
	Purpose string   `json:"purpose,omitempty"` // one line for people
}

// ServiceAccount is an account and what it may do in the lane's namespace. One
// without rules gets no token.
type ServiceAccount struct {
	Name  string       `json:"name"`
	Rules []PolicyRule `json:"rules,omitempty"`
}

// PolicyRule is a namespaced RBAC rule; wildcards are refused.
type PolicyRule struct {
	APIGroups     []string `json:"apiGroups"` // "" is the core group
	Resources     []string `json:"resources"`
	ResourceNames []string `json:"resourceNames,omitempty"`
	Verbs         []string `json:"verbs"`
}

// ConfigMap is plain configuration.
type ConfigMap struct {
	Name string            `json:"name"`
	Data map[string]string `json:"data"`
}

// PersistentVolumeClaim is a claim in the lane's namespace.
type PersistentVolumeClaim struct {
	Name         string `json:"name"`
	Size         string `json:"size"`       // a quantity such as 10Gi
	AccessMode   string `json:"accessMode"` // ReadWriteOnce, ReadWriteOncePod, ReadOnlyMany or ReadWriteMany
	StorageClass string `json:"storageClass,omitempty"`
}

// The kinds of a service.
const (
	Deployment  = "deployment"  // pods that stay
	JobTemplate = "jobTemplate" // a Job that another service of the lane instantiates
)

// Service is one component with one image.
type Service struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	Enabled bool   `json:"enabled"` // whether it takes part in the lane
	Build   Build  `json:"build"`

	Replicas       *int       `json:"replicas,omitempty"` // deployments only; default 1
	ServiceAccount string     `json:"serviceAccount,omitempty"`
	Args           []string   `json:"args,omitempty"`
	Ports          []Port     `json:"ports,omitempty"`
	Health         *Health    `json:"health,omitempty"`
	Resources      *Resources `json:"resources,omitempty"`
	Env            []Env      `json:"env,omitempty"`
	Volumes        []Volume   `json:"volumes,omitempty"`
	Home           *Home      `json:"home,omitempty"`
	Network        Network    `json:"network,omitzero"`
	Ingress        *Ingress   `json:"ingress,omitempty"`
	Job            *Job       `json:"job,omitempty"` // job templates only
}

// Build says what an image is made of. At least one of Go and Dockerfile is set.
type Build struct {
	Go         string   `json:"go,omitempty"`         // folder of the main package, such as ./cmd/api
	Dockerfile string   `json:"dockerfile,omitempty"` // path; without it lane's own Dockerfile is used
	Inputs     []string `json:"inputs,omitempty"`     // globs of files that the Dockerfile copies
	Archives   string   `json:"archives,omitempty"`   // path of a lock of archives that the Dockerfile copies
}

// Port is a container port and, for deployments, a port of the Service.
type Port struct {
	Name string `json:"name"`
	Port int    `json:"port"` // 1024 to 65535: containers do not run as root
}

// Health are HTTP paths on the first port.
type Health struct {
	Live  string `json:"live,omitempty"`
	Ready string `json:"ready,omitempty"`
}

// Resources are the container's requests and limits.
type Resources struct {
	Requests Quantities `json:"requests"`
	Limits   Quantities `json:"limits"`
}

// Quantities are Kubernetes quantities.
type Quantities struct {
	CPU              string `json:"cpu,omitempty"`
	Memory           string `json:"memory,omitempty"`
	EphemeralStorage string `json:"ephemeralStorage,omitempty"`
}

// Env is an environment variable from exactly one source.
type Env struct {
	Name         string  `json:"name"`
	Value        *string `json:"value,omitempty"`
	ConfigMapRef *KeyRef `json:"configMapRef,omitempty"`
	SecretRef    *KeyRef `json:"secretRef,omitempty"`
	ReleaseRef   string  `json:"releaseRef,omitempty"` // a fact of the release: lane, sourceCommit or imageDigest
}

// The facts that Env.ReleaseRef names.
const (
	ReleaseLane         = "lane"
	ReleaseSourceCommit = "sourceCommit" // the commit that the service's image was built from
	ReleaseImageDigest  = "imageDigest"
)

// KeyRef names one key of a ConfigMap or Secret.
type KeyRef struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

// Volume is mounted at MountPath from exactly one source.
type Volume struct {
	MountPath             string    `json:"mountPath"`
	ConfigMap             string    `json:"configMap,omitempty"`
	PersistentVolumeClaim string    `json:"persistentVolumeClaim,omitempty"`
	JobTemplate           string    `json:"jobTemplate,omitempty"` // id of a job template; mounted as job.yaml
	EmptyDir              *EmptyDir `json:"emptyDir,omitempty"`
}

// EmptyDir is scratch space of a pod.
type EmptyDir struct {
	SizeLimit string `json:"sizeLimit"`
	Memory    bool   `json:"memory,omitzero"`
}

// Home is a writable folder that an init container fills from a read-only
// projection of a Secret before the service starts (rule G7).
type Home struct {
	Env       string   `json:"env"`       // the variable that names the folder, such as CODEX_HOME
	Path      string   `json:"path"`      // where it is mounted
	SecretRef HomeRef  `json:"secretRef"` // what is copied into it
	Command   []string `json:"command"`   // run in the service's own image with --from DIR --to DIR appended
	SizeLimit string   `json:"sizeLimit"`
}

// HomeRef names the Secret and the keys that a Home is filled from.
type HomeRef struct {
	Name string   `json:"name"`
	Keys []string `json:"keys"`
}

// Network are the flows that are allowed; everything else is denied.
type Network struct {
	Ingress []Flow `json:"ingress,omitempty"`
	Egress  []Flow `json:"egress,omitempty"`
}

// Flow is one allowed peer, given by exactly one of Service, CIDR and DNS, and
// its ports.
type Flow struct {
	Service string   `json:"service,omitempty"` // id of a service of this lane; its declared ports unless Ports narrows them
	CIDR    string   `json:"cidr,omitempty"`
	Except  []string `json:"except,omitempty"` // CIDRs inside CIDR
	DNS     bool     `json:"dns,omitzero"`     // egress only: the cluster's resolvers
	Ports   []int    `json:"ports,omitempty"`
}

// Ingress is a placeholder for a public entry. It renders nothing until a
// reviewed ingress design exists (rule A6).
type Ingress struct {
	Host string `json:"host"`
	Port string `json:"port"` // name of one of the service's ports
	Note string `json:"note,omitempty"`
}

// Job bounds the Jobs made from a job template.
type Job struct {
	ActiveDeadlineSeconds   int `json:"activeDeadlineSeconds"`
	TTLSecondsAfterFinished int `json:"ttlSecondsAfterFinished"`
}

// EnabledServices are the services that take part, in the file's order.
func (in *Intent) EnabledServices() []Service {
	var out []Service
	for _, s := range in.Services {
		if s.Enabled {
			out = append(out, s)
		}
	}
	return out
}
