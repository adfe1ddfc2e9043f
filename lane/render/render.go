// Package render turns an intent and a catalog into the manifests of a lane.
//
// Render is pure: it reads no clock, no file, no environment and asks no
// network, and the same input gives the same bytes. It writes everything under
// the lane's runtime path:
//
//	namespace.yaml      the Namespace, with Pod Security level restricted
//	network.yaml        the NetworkPolicy that denies what nothing else allows
//	access.yaml         ServiceAccounts, and a Role and RoleBinding for those with rules
//	config.yaml         the declared ConfigMaps
//	storage.yaml        the declared PersistentVolumeClaims
//	services/<id>.yaml  all of one enabled service: its Deployment, or the ConfigMap
//	                    <id>-job whose key job.yaml is a complete batch/v1 Job, then
//	                    its Service and its NetworkPolicy
//
// What always holds: every object is in the lane's namespace or is that
// Namespace (rule A3); every image is pinned by the catalog's digest (rule F2);
// nothing can be reached from outside the cluster (rule A6); a Secret is only
// ever referred to (rule C4), and the one that fills a home is mounted by the
// init container alone (rule G7). A service's file holds nothing of the release
// but that service's own commit, digest and generation, so it stays byte for byte what it
// was while the service is reused and its intent unchanged.
//
// Render refuses a catalog that has a service too few or too many (rule F4); a
// catalog without any service, which is a lane's first, renders what is not a
// workload. Notes says what an intent declares and a render leaves out. Check
// reads manifests back and proves the above of the bytes themselves. The
// package never writes.
//
// What the intent leaves open is decided here. Containers run as 65532 with a
// read-only root file system, no capability and no service account token unless
// their account has rules. A service without resources requests 50m CPU and 64Mi
// of memory and is limited to 1 CPU and 256Mi; one that declares resources gets
// exactly those. A Job without bounds ends after an hour and is kept for another.
// A Deployment replaces its pods without ever having fewer than it should, unless
// the next pod could not mount a claim that the last one holds: then the old one
// goes first. A Deployment's pods are replaced when a ConfigMap they read changes, and when
// its generation in the catalog does. A
// Namespace or a claim that leaves the lane is deleted only once a person has
// confirmed it to Argo CD. There is no PodDisruptionBudget and no spread
// constraint: on one machine the first only blocks a drain, and the scheduler
// spreads by itself.
package render

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/names"
)

// Render is the tree of manifests for the lane that n names. in has passed its
// own validation. The error is a refusal that names the service it is about.
func Render(in *intent.Intent, n names.Names, c *catalog.Catalog) (Tree, error) {
	r, err := Make(in, n, c)
	if err != nil {
		return nil, err
	}
	return r.Tree, nil
}

// Make is Render for who also wants the objects that the files were written from.
func Make(in *intent.Intent, n names.Names, c *catalog.Catalog) (*Rendering, error) {
	if err := match(in, n, c); err != nil {
		return nil, err
	}
	r := newRenderer(in, n, c)
	makers := []func() (file, error){r.namespace, r.network, r.access, r.config, r.storage}
	if len(c.Services) > 0 {
		for _, s := range in.EnabledServices() {
			makers = append(makers, func() (file, error) { return r.service(s) })
		}
	}

	files := make([]file, len(makers))
	contents := make([][]byte, len(makers))
	errs := make([]error, len(makers))
	parallel(len(makers), func(i int) {
		if files[i], errs[i] = makers[i](); errs[i] == nil {
			contents[i], errs[i] = encode(files[i].objects)
		}
	})

	made, owner := &Rendering{Tree: Tree{}, objects: map[string][]object{}}, map[string]string{}
	for i, f := range files {
		if errs[i] != nil {
			return nil, fmt.Errorf("rendering %s: %w", n.RuntimeNamespace, errs[i])
		}
		for _, o := range f.objects {
			id := o.GetObjectKind().GroupVersionKind().Kind + " " + o.GetName()
			if other, taken := owner[id]; taken {
				return nil, fail.Refuse("A4", intent.Path, "rename one of the two",
					"%s and %s would both write the object %s", other, f.path, id)
			}
			owner[id] = f.path
		}
		if len(f.objects) > 0 {
			at := n.RuntimePath + "/" + f.path
			made.Tree[at], made.objects[at] = contents[i], f.objects
		}
	}
	return made, nil
}

// match refuses inputs that do not belong together.
func match(in *intent.Intent, n names.Names, c *catalog.Catalog) error {
	if in.Project != n.Project || in.Lane != n.Lane {
		return fail.Refuse("A1", intent.Path, "take the names from the intent itself",
			"the intent is of %s %s, the names are of %s %s", in.Project, in.Lane, n.Project, n.Lane)
	}
	if c.Project != n.Project || c.Lane != n.Lane {
		return fail.Refuse("C5", n.ArtifactCatalog, "read the catalog from the lane's own GitOps branch",
			"the catalog is of %s %s, not of %s %s", c.Project, c.Lane, n.Project, n.Lane)
	}
	if len(c.Services) == 0 {
		return nil
	}
	const hint = "plan and publish the commit whose intent this is"
	enabled := map[string]bool{}
	for _, s := range in.EnabledServices() {
		enabled[s.ID] = true
		cs, ok := c.Service(s.ID)
		switch {
		case !ok:
			return fail.Refuse("F4", n.ArtifactCatalog, hint, "the catalog has no image for the service %s", s.ID)
		case cs.Image.Repository != n.Repository(s.ID) || !canon.IsDigest(cs.Image.Digest):
			return fail.Refuse("F2", n.ArtifactCatalog, hint,
				"the image of the service %s is %q at %q, not its repository at a digest", s.ID, cs.Image.Repository, cs.Image.Digest)
		}
	}
	for _, s := range c.Services {
		if !enabled[s.ServiceID] {
			return fail.Refuse("F4", n.ArtifactCatalog, hint, "the catalog has an image for %s, which is no enabled service of the intent", s.ServiceID)
		}
	}
	return nil
}

// renderer is the input, indexed. Its methods only read it.
type renderer struct {
	in       *intent.Intent
	n        names.Names
	c        *catalog.Catalog
	services map[string]intent.Service
	tokens   map[string]bool   // accounts whose pods get a token
	configs  map[string]string // ConfigMap → digest of its data
	claims   map[string]string // claim → access mode
}

func newRenderer(in *intent.Intent, n names.Names, c *catalog.Catalog) *renderer {
	r := &renderer{
		in: in, n: n, c: c,
		services: map[string]intent.Service{}, tokens: map[string]bool{},
		configs: map[string]string{}, claims: map[string]string{},
	}
	for _, s := range in.Services {
		r.services[s.ID] = s
	}
	for _, a := range in.ServiceAccounts {
		r.tokens[a.Name] = len(a.Rules) > 0
	}
	for _, m := range in.ConfigMaps {
		var inputs []canon.Input
		for key, value := range m.Data {
			inputs = append(inputs, canon.Input{Name: key, Value: value})
		}
		r.configs[m.Name] = canon.Identity(inputs)
	}
	for _, p := range in.PersistentVolumeClaims {
		r.claims[p.Name] = p.AccessMode
	}
	return r
}

// parallel calls do(0) … do(n-1) on every processor and waits for all.
func parallel(n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}
