package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/pikasTech/agentrun/internal/kube/kubetest"
)

const (
	namespace = "shop-v03"
	account   = "shop-v03-runner"
)

type object = map[string]any

// cluster is an API server and the controllers behind it: each Job gets a pod, each pod
// is run on this machine, and what is deleted goes, the pods first.
type cluster struct {
	*kubetest.Objects
	root     string // for the folders of pods
	programs string // the folder that is every image's PATH
	issuer   *issuer
	wrong    func(format string, args ...any) // is told what cannot be

	mu   sync.Mutex
	made int             // pods
	pods map[string]*pod // by the uid of their Job, until they are gone
	work sync.WaitGroup
}

// startCluster runs a cluster until the test ends.
func startCluster(t *testing.T, root, programs string) *cluster {
	t.Helper()
	c := &cluster{root: filepath.Join(root, "pods"), programs: programs, issuer: newIssuer(t), wrong: t.Errorf, pods: map[string]*pod{}}
	if err := os.MkdirAll(c.root, 0o755); err != nil {
		t.Fatal(err)
	}
	c.Objects = kubetest.StartObjects(namespace, c.issuer.script(), func(r string) { t.Errorf("unexpected request %s", r) })
	ctx, stop := context.WithCancel(context.Background())
	var controlling sync.WaitGroup
	controlling.Go(func() { c.control(ctx) })
	t.Cleanup(func() {
		stop()
		controlling.Wait()
		for _, p := range c.running() {
			p.kill("Error")
		}
		c.work.Wait()
		c.CloseClientConnections()
		c.Close()
	})
	return c
}

// control does what changes call for.
func (c *cluster) control(ctx context.Context) {
	for {
		news := c.News()
		there := map[string]bool{}
		for _, obj := range c.All("jobs") {
			var job batchv1.Job
			if err := decode(obj, &job); err != nil {
				c.wrong("a Job is not as it should be: %v", err)
				continue
			}
			there[string(job.UID)] = true
			c.reconcile(&job)
		}
		c.collect(there)
		select {
		case <-ctx.Done():
			return
		case <-news:
		}
	}
}

func decode(obj object, into any) error {
	data, err := json.Marshal(obj)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

func (c *cluster) podOf(jobUID string) *pod {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pods[jobUID]
}

// reconcile is the Job controller's turn with one Job.
func (c *cluster) reconcile(job *batchv1.Job) {
	p := c.podOf(string(job.UID))
	leaving := job.DeletionTimestamp != nil
	switch {
	case p == nil && leaving:
		c.Drop("jobs", job.Name)
	case p == nil && len(job.Status.Conditions) == 0:
		c.begin(job)
	case p == nil:
	case leaving && p.gone():
		c.forget(p)
		c.Drop("jobs", job.Name)
	case leaving:
		c.terminate(p)
	case p.gone() && len(job.Status.Conditions) == 0:
		condition := object{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}
		if p.left() { // somebody deleted it, and the Job may have no other
			c.Drop("pods", p.name)
		} else if p.code == 0 {
			condition = object{"type": "Complete", "status": "True"}
		}
		c.Change("jobs", job.Name, func(obj object) object {
			if uid, _ := meta(obj)["uid"].(string); uid != string(job.UID) {
				return nil
			}
			return with(obj, "status", object{"conditions": []any{condition}})
		})
	}
}

// collect ends the pods whose Job is gone.
func (c *cluster) collect(there map[string]bool) {
	for _, p := range c.all() {
		switch {
		case there[p.jobUID]:
		case p.gone():
			c.forget(p)
		default:
			c.terminate(p)
		}
	}
}

// begin makes a Job's pod and runs it.
func (c *cluster) begin(job *batchv1.Job) {
	c.mu.Lock()
	c.made++
	p := newPod(c.made, job, c.root)
	c.pods[p.jobUID] = p
	c.mu.Unlock()
	labels := object{}
	for k, v := range job.Spec.Template.Labels {
		labels[k] = v
	}
	c.Put("pods", object{
		"apiVersion": "v1", "kind": "Pod", "metadata": object{
			"name": p.name, "namespace": namespace, "uid": p.uid, "labels": labels,
			"ownerReferences": []any{object{"apiVersion": "batch/v1", "kind": "Job", "name": job.Name, "uid": p.jobUID, "controller": true}},
		},
		"spec": object{"nodeName": "here"}, "status": object{"phase": "Pending"},
	})
	c.work.Go(func() { c.run(p) })
}

// status is what a pod has come to.
func (c *cluster) status(p *pod, status object) {
	c.Change("pods", p.name, func(obj object) object { return with(obj, "status", status) })
}

// terminate marks a pod and asks it to end, once.
func (c *cluster) terminate(p *pod) {
	if !p.leave() {
		return
	}
	c.Change("pods", p.name, func(obj object) object {
		m := maps.Clone(meta(obj))
		m["deletionTimestamp"] = "2026-01-01T00:00:00Z"
		return with(obj, "metadata", m)
	})
	c.work.Go(p.end)
}

func (c *cluster) forget(p *pod) {
	c.mu.Lock()
	delete(c.pods, p.jobUID)
	c.mu.Unlock()
	c.Drop("pods", p.name)
}

func (c *cluster) all() []*pod {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedFunc(maps.Values(c.pods), func(a, b *pod) int { return a.number - b.number })
}

// running are the pods that have not ended.
func (c *cluster) running() []*pod {
	return slices.DeleteFunc(c.all(), (*pod).gone)
}

// active are the Jobs that have neither ended nor are about to go.
func (c *cluster) active() []string {
	var names []string
	for _, obj := range c.All("jobs") {
		if obj["status"] == nil {
			names = append(names, meta(obj)["name"].(string))
		}
	}
	return names
}

func meta(obj object) object {
	m, _ := obj["metadata"].(object)
	return m
}

// with is an object with another field.
func with(obj object, field string, value any) object {
	out := maps.Clone(obj)
	out[field] = value
	return out
}

// suffix is what Kubernetes adds to the name of a Job's pod.
func suffix() string {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	b := make([]byte, 5)
	for i := range b {
		b[i] = letters[rand.IntN(len(letters))]
	}
	return string(b)
}

func podUID(jobUID, name string) string {
	return fmt.Sprintf("pod-of-%s-%s", filepath.Base(jobUID), name[len(name)-5:])
}
