package kubetest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json"
)

// object is an object of the API, decoded.
type object = map[string]any

// Objects is a server that keeps objects of a namespace as an API server does: made
// once by name, with a uid and a version, listed and watched by label, deleted with
// what they own. It is for what must hold whatever the cluster does meanwhile; the
// cluster's controllers are the test, by Put, Change and Drop. Whatever else is asked
// of it, and is not in the test's own script, is unexpected.
type Objects struct {
	*Server
	Namespace string

	fault atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool]
	after atomic.Pointer[func(r *http.Request)]

	mu      sync.Mutex
	version int
	objects map[string]object // by resource/name
	history []change
	made    map[string]int // how often a resource/name was made
	news    chan struct{}  // closed by the next change
}

// change is one change of an object.
type change struct {
	version  int
	resource string
	kind     string // ADDED, MODIFIED or DELETED
	object   object
}

// StartObjects serves jobs and pods of a namespace, which its kubeconfig names, and
// what more says besides. Unexpected is told what nobody expects.
func StartObjects(namespace string, more Script, unexpected func(request string)) *Objects {
	o := &Objects{Namespace: namespace, version: 1, objects: map[string]object{}, made: map[string]int{}, news: make(chan struct{})}
	script := Script{}
	for request, answers := range more {
		for _, answer := range answers {
			script[request] = append(script[request], o.handle(answer))
		}
	}
	for resource, where := range map[string]string{"jobs": "/apis/batch/v1", "pods": "/api/v1"} {
		path := where + "/namespaces/" + namespace + "/" + resource
		script["GET "+path] = []http.HandlerFunc{o.handle(func(w http.ResponseWriter, r *http.Request) { o.list(w, r, resource) })}
		script["WATCH "+path] = []http.HandlerFunc{o.handle(func(w http.ResponseWriter, r *http.Request) { o.watch(w, r, resource) })}
		script["GET "+path+"/*"] = []http.HandlerFunc{o.handle(func(w http.ResponseWriter, r *http.Request) { o.get(w, r, resource) })}
		if resource == "jobs" { // the manager may not write pods
			script["POST "+path] = []http.HandlerFunc{o.handle(func(w http.ResponseWriter, r *http.Request) { o.create(w, r, resource) })}
			script["DELETE "+path+"/*"] = []http.HandlerFunc{o.handle(func(w http.ResponseWriter, r *http.Request) { o.delete(w, r, resource) })}
		}
	}
	o.Server = Start(script, unexpected)
	o.Kubeconfig = o.Within(namespace)
	return o
}

// Before is called for each request from now on; nil for none. It may answer, and is
// true then: nothing else happens.
func (o *Objects) Before(f func(w http.ResponseWriter, r *http.Request) bool) { o.fault.Store(&f) }

// After is called, from now on, between the carrying out of a request that changes
// something and its answer; nil for none. A panic with http.ErrAbortHandler loses the
// answer.
func (o *Objects) After(f func(r *http.Request)) { o.after.Store(&f) }

func (o *Objects) handle(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if f := o.fault.Load(); f != nil && *f != nil && (*f)(w, r) {
			return
		}
		h(w, r)
	}
}

func (o *Objects) carriedOut(r *http.Request) {
	if f := o.after.Load(); f != nil && *f != nil {
		(*f)(r)
	}
}

// note makes a change known; o.mu is held.
func (o *Objects) note(resource, kind string, obj object) object {
	o.version++
	obj = maps.Clone(obj)
	m := maps.Clone(meta(obj))
	m["resourceVersion"] = strconv.Itoa(o.version)
	obj["metadata"] = m
	o.history = append(o.history, change{o.version, resource, kind, obj})
	close(o.news)
	o.news = make(chan struct{})
	return obj
}

func meta(obj object) map[string]any {
	m, _ := obj["metadata"].(map[string]any)
	return m
}

func text(obj object, field string) string {
	s, _ := meta(obj)[field].(string)
	return s
}

// Put keeps obj, an object of the API, as it is given, new or instead of the one of its name.
func (o *Objects) Put(resource string, obj map[string]any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id, kind := resource+"/"+text(obj, "name"), "MODIFIED"
	if o.objects[id] == nil {
		kind = "ADDED"
		o.made[id]++
	}
	o.objects[id] = o.note(resource, kind, obj)
}

// Change puts what change makes of an object in its place, whole; nil leaves it. What
// is asked of the server meanwhile waits. It is false when there is no such object.
func (o *Objects) Change(resource, name string, change func(obj map[string]any) map[string]any) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := resource + "/" + name
	obj := o.objects[id]
	if obj == nil {
		return false
	}
	if obj = change(obj); obj != nil {
		o.objects[id] = o.note(resource, "MODIFIED", obj)
	}
	return true
}

// News is closed by the next change of an object.
func (o *Objects) News() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.news
}

// Drop removes an object, if it is there.
func (o *Objects) Drop(resource, name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drop(resource, name)
}

func (o *Objects) drop(resource, name string) {
	id := resource + "/" + name
	if obj := o.objects[id]; obj != nil {
		delete(o.objects, id)
		o.note(resource, "DELETED", obj)
	}
}

// All are the objects of a resource that are there, by name.
func (o *Objects) All(resource string) []map[string]any {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all(resource)
}

func (o *Objects) all(resource string) []object {
	all := []object{}
	for _, id := range slices.Sorted(maps.Keys(o.objects)) {
		if strings.HasPrefix(id, resource+"/") {
			all = append(all, o.objects[id])
		}
	}
	return all
}

// Made is how often each name of a resource was made.
func (o *Objects) Made(resource string) map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	made := map[string]int{}
	for id, n := range o.made {
		if name, ok := strings.CutPrefix(id, resource+"/"); ok {
			made[name] = n
		}
	}
	return made
}

// Forget makes the server unable to say what changed up to now: who watches from
// before has to list again.
func (o *Objects) Forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.version++
	o.history = nil
}

func (o *Objects) selected(r *http.Request, obj object) bool {
	labels, _ := meta(obj)["labels"].(map[string]any)
	for part := range strings.SplitSeq(r.URL.Query().Get("labelSelector"), ",") {
		name, value, has := strings.Cut(part, "=")
		got, there := labels[name]
		if part != "" && (!there || has && got != value) {
			return false
		}
	}
	return true
}

func (o *Objects) list(w http.ResponseWriter, r *http.Request, resource string) {
	o.mu.Lock()
	items := []object{}
	for _, obj := range o.all(resource) {
		if o.selected(r, obj) {
			items = append(items, obj)
		}
	}
	version := strconv.Itoa(o.version)
	o.mu.Unlock()
	kind := map[string]string{"jobs": "batch/v1 JobList", "pods": "v1 PodList"}[resource]
	group, name, _ := strings.Cut(kind, " ")
	o.answer(w, r, http.StatusOK, object{"apiVersion": group, "kind": name, "metadata": object{"resourceVersion": version}, "items": items})
}

func (o *Objects) get(w http.ResponseWriter, r *http.Request, resource string) {
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	o.mu.Lock()
	obj := o.objects[resource+"/"+name]
	o.mu.Unlock()
	if obj == nil {
		o.missing(w, r, resource, name)
		return
	}
	o.answer(w, r, http.StatusOK, obj)
}

func (o *Objects) missing(w http.ResponseWriter, r *http.Request, resource, name string) {
	Status(http.StatusNotFound, "NotFound", fmt.Sprintf("%s %q not found", resource, name), fmt.Sprintf(`{"name":%q,"kind":%q}`, name, resource))(w, r)
}

func (o *Objects) create(w http.ResponseWriter, r *http.Request, resource string) {
	var obj object
	if err := json.UnmarshalRead(r.Body, &obj); err != nil || text(obj, "name") == "" || text(obj, "namespace") != o.Namespace {
		Status(http.StatusBadRequest, "BadRequest", "not an object of this namespace", "")(w, r)
		return
	}
	id := resource + "/" + text(obj, "name")
	o.mu.Lock()
	taken := o.objects[id] != nil
	if !taken {
		o.made[id]++
		meta(obj)["uid"] = fmt.Sprintf("%s-%d", id, o.version)
		obj = o.note(resource, "ADDED", obj)
		o.objects[id] = obj
	}
	o.mu.Unlock()
	o.carriedOut(r)
	if taken {
		Status(http.StatusConflict, "AlreadyExists", id+" already exists", "")(w, r)
		return
	}
	o.answer(w, r, http.StatusCreated, obj)
}

// delete marks an object that goes last, and drops another one at once.
func (o *Objects) delete(w http.ResponseWriter, r *http.Request, resource string) {
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	var how struct {
		Policy        string `json:"propagationPolicy"`
		Preconditions struct {
			UID string `json:"uid"`
		} `json:"preconditions"`
	}
	if err := json.UnmarshalRead(r.Body, &how); err != nil {
		Status(http.StatusBadRequest, "BadRequest", "no options", "")(w, r)
		return
	}
	o.mu.Lock()
	obj := o.objects[resource+"/"+name]
	match := obj != nil && (how.Preconditions.UID == "" || how.Preconditions.UID == text(obj, "uid"))
	switch {
	case !match:
	case how.Policy == "Foreground" && text(obj, "deletionTimestamp") == "":
		leaving := maps.Clone(obj)
		leaving["metadata"] = maps.Clone(meta(obj))
		meta(leaving)["deletionTimestamp"] = "2026-01-01T00:00:00Z"
		o.objects[resource+"/"+name] = o.note(resource, "MODIFIED", leaving)
	case how.Policy != "Foreground":
		o.drop(resource, name)
	}
	o.mu.Unlock()
	o.carriedOut(r)
	switch {
	case obj == nil:
		o.missing(w, r, resource, name)
	case !match:
		Status(http.StatusConflict, "Conflict", "the UID in the precondition does not match", "")(w, r)
	default:
		o.answer(w, r, http.StatusOK, object{"kind": "Status", "apiVersion": "v1", "status": "Success"})
	}
}

func (o *Objects) watch(w http.ResponseWriter, r *http.Request, resource string) {
	from, err := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	if err != nil {
		Status(http.StatusBadRequest, "BadRequest", "no version to watch from", "")(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	control := http.NewResponseController(w)
	_ = control.Flush()
	for {
		o.mu.Lock()
		oldest := o.version
		if len(o.history) > 0 {
			oldest = o.history[0].version - 1
		}
		var events []change
		i, _ := slices.BinarySearchFunc(o.history, from+1, func(c change, version int) int { return c.version - version })
		for _, c := range o.history[i:] {
			if c.resource == resource && o.selected(r, c.object) {
				events = append(events, c)
			}
		}
		gone := from < oldest
		from = max(from, o.version)
		news := o.news
		o.mu.Unlock()
		if gone {
			_ = json.MarshalWrite(w, object{"type": "ERROR", "object": object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410, "message": "too old"}})
			return
		}
		for _, c := range events {
			if json.MarshalWrite(w, object{"type": c.kind, "object": c.object}) != nil {
				return
			}
		}
		_ = control.Flush()
		select {
		case <-r.Context().Done():
			return
		case <-news:
		}
	}
}

func (o *Objects) answer(w http.ResponseWriter, r *http.Request, code int, obj object) {
	data, err := json.Marshal(obj)
	if err != nil {
		panic(err) // what came as JSON goes as JSON
	}
	Answer(code, string(data))(w, r)
}
