package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pikasTech/agentrun/lane/intent"
	"github.com/pikasTech/agentrun/lane/metadata"
)

// controllers are the field managers that may write what is judged: Argo CD,
// Kubernetes' own (k3s is all of them in one program), and lane.
var controllers = []string{
	"argocd-controller", "argocd-application-controller",
	"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "cloud-controller-manager", "k3s",
	"lane",
}

// managers is rule H2. What the live record of a hotfix covers may be a hand's.
func (j *judge) managers(o *opinion) {
	n := 0
	look := func(obj Object, also ...string) {
		if n++; len(obj.Items("metadata", "managedFields")) == 0 {
			o.cannot(obj.ID(), Gap{Why: "the API does not say who wrote it"})
		}
		for _, m := range obj.Items("metadata", "managedFields") {
			name := m.Text("manager")
			fields := owned(m.Map("fieldsV1"))
			if len(fields) == 0 || slices.Contains(controllers, name) || slices.Contains(also, name) {
				continue
			}
			j.hand(o, obj, name, fields, m.Text("time"))
		}
	}
	if _, ok := j.gitops(o); ok {
		unseen := map[string]bool{}
		for _, id := range slices.Sorted(maps.Keys(j.manifest)) {
			live, there := j.live[id]
			gap, not := j.unseenKind(j.manifest[id].Object)
			switch kind := plurals(j.manifest[id].Kind()); {
			case there:
				look(live)
			case not && !unseen[kind]:
				unseen[kind] = true
				o.cannot(kind, gap)
			}
		}
	}
	if jobs, ok := j.objects(o, "batch", "Job"); ok {
		for _, job := range jobs {
			if _, run := j.service(job, intent.JobTemplate); run {
				look(job, j.managerIDs()...)
			}
		}
	}
	for _, part := range []struct {
		seen Seen[Object]
		id   string
	}{
		{j.Argo.Application, "Application " + j.Names.ArgoApplication},
		{j.Argo.AppProject, "AppProject " + j.Names.ArgoAppProject},
	} {
		if part.seen.Found {
			look(part.seen.Value)
		} else {
			o.cannot(part.id, part.seen.Gap)
		}
	}
	for _, obj := range j.Tekton.Live {
		if obj.Found && obj.Value.Kind() != "Namespace" { // that one all lanes share
			look(obj.Value)
		}
	}
	if o.state() != Contradicted && n > 0 {
		o.match("managedFields", "objects", fmt.Sprintf("%d, written by Argo CD, Kubernetes, the manager and lane alone", n))
	}
}

// hand judges the fields of an object that somebody wrote who should not.
func (j *judge) hand(o *opinion, obj Object, name string, fields []string, since string) {
	var rest []string
	var expired *metadata.Hotfix
	by := map[string]bool{} // the records, told once
	for _, f := range fields {
		x, live := j.record(obj, f)
		switch {
		case live && !by[x.Name]:
			by[x.Name] = true
			o.note(obj.ID(), "%s wrote %s: %s", name, f, x)
		case !live:
			rest = append(rest, f)
			if x != nil {
				expired = x
			}
		}
	}
	if len(rest) == 0 {
		return
	}
	ob := Observation{State: Contradicted, Object: obj.ID(), Field: "managedFields[" + name + "]", Value: fmt.Sprintf("%s since %s", list(rest, 4), since), Wanted: "Argo CD or lane"}
	if expired != nil {
		ob.Note = "expired: " + expired.String()
	}
	o.add(ob)
}

// managerIDs are the services that may start Jobs: their program is the field
// manager.
func (j *judge) managerIDs() []string {
	var ids []string
	for _, s := range j.intent().EnabledServices() {
		if s.Kind == intent.Deployment {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// owned are the fields of an entry that say what the object is: not its status,
// and of its metadata the labels alone.
func owned(fields Object) []string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		switch name := strings.TrimPrefix(key, "f:"); name {
		case "status":
		case "metadata":
			for _, label := range slices.Sorted(maps.Keys(fields.Map(key, "f:labels"))) {
				if l := strings.TrimPrefix(label, "f:"); l != "." && l != "kubernetes.io/metadata.name" {
					all = append(all, "metadata.labels["+l+"]")
				}
			}
		default:
			all = append(all, leaves(name, fields.Map(key))...)
		}
	}
	return all
}

// leaves are the paths below a field that a manager owns.
func leaves(path string, fields Object) []string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		switch kind, name, _ := strings.Cut(key, ":"); kind {
		case "f":
			all = append(all, leaves(path+"."+name, fields.Map(key))...)
		case "k", "v":
			all = append(all, leaves(path+"["+itemName(name)+"]", fields.Map(key))...)
		}
	}
	if len(all) == 0 {
		return []string{path}
	}
	return all
}

// writers are the managers of an object and when they wrote.
func writers(obj Object) []string {
	var all []string
	for _, m := range obj.Items("metadata", "managedFields") {
		all = append(all, m.Text("manager")+" at "+m.Text("time"))
	}
	return all
}

// list is the first n of some words.
func list(words []string, n int) string {
	if len(words) > n {
		return strings.Join(words[:n], ", ") + fmt.Sprintf(" and %d more", len(words)-n)
	}
	return strings.Join(words, ", ")
}
