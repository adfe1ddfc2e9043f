package diff

import (
	"fmt"
	"maps"
	"path"
	"reflect"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/secretscan"
)

// What stands for a value that may not be shown.
const (
	hidden     = "(hidden)"
	credential = "(hidden: it looks like a credential)"
	another    = ", another value" // behind one of two that look the same
)

// told is a value that differs as it may be shown: one side may be what somebody wrote
// into the cluster (rule C4).
func told(path string, v any) any {
	switch v := v.(type) {
	case string:
		s := fail.Redact(v)
		if len(secretscan.Default().Scan("", []byte(path+": "+s))) > 0 {
			return credential
		}
		return s
	case map[string]any:
		shown := make(map[string]any, len(v))
		for key, value := range v {
			shown[key] = told(member(path, key), value)
		}
		return shown
	case []any:
		shown := make([]any, len(v))
		for i, value := range v {
			shown[i] = told(path, value)
		}
		return shown
	}
	return v
}

// withoutValues are two Secrets of which only the keys, and which of them
// change, can be seen (rule C4).
func withoutValues(before, after map[string]any) (b, a map[string]any) {
	b, a = maps.Clone(before), maps.Clone(after)
	for _, part := range []string{"data", "stringData"} {
		old, _ := before[part].(map[string]any)
		now, _ := after[part].(map[string]any)
		shownOld, shownNew := map[string]any{}, map[string]any{}
		for key, v := range old {
			shownOld[key] = hidden
			if w, ok := now[key]; ok && !reflect.DeepEqual(v, w) {
				shownOld[key] = hidden + another
			}
		}
		for key := range now {
			shownNew[key] = hidden
		}
		b[part], a[part] = shownOld, shownNew
	}
	return b, a
}

// withManifests are two ConfigMaps in which the YAML and JSON documents that both
// have are values, not text.
func withManifests(before, after map[string]any) (b, a map[string]any) {
	old, _ := before["data"].(map[string]any)
	now, _ := after["data"].(map[string]any)
	old, now = maps.Clone(old), maps.Clone(now)
	for key := range old {
		switch path.Ext(key) {
		case ".yaml", ".yml", ".json":
		default:
			continue
		}
		oldText, _ := old[key].(string)
		nowText, _ := now[key].(string)
		oldDoc, oldErr := parse(key, []byte(oldText))
		nowDoc, nowErr := parse(key, []byte(nowText))
		// Two texts that say the same are still two texts: those stay.
		if oldErr == nil && nowErr == nil && len(oldDoc) == 1 && len(nowDoc) == 1 && !reflect.DeepEqual(oldDoc, nowDoc) {
			old[key], now[key] = oldDoc[0].fields, nowDoc[0].fields
		}
	}
	b, a = maps.Clone(before), maps.Clone(after)
	b["data"], a["data"] = old, now
	return b, a
}

// effect is what an object's change does to what runs, or "" for nothing that
// deserves a word.
func effect(o Object, before, after manifest) string {
	switch o.Kind {
	case "Deployment", "StatefulSet", "DaemonSet":
		return podEffect(o, before.pods(), after.pods())
	case "ConfigMap":
		if within(o.Fields, `data["job.yaml"]`) {
			return "new Jobs use it, running ones stay as they are"
		}
	case "PersistentVolumeClaim":
		if o.Change == Removed {
			return "its data is deleted with it"
		}
	case "Namespace":
		if o.Change == Removed {
			return "everything in it is deleted with it"
		}
	}
	return ""
}

func podEffect(o Object, before, after int64) string {
	switch {
	case o.Change == "" || before == 0 && after == 0:
		return ""
	case before == 0:
		return "pods start"
	case after == 0:
		return "pods stop"
	case within(o.Fields, "spec.template"):
		return "pods restart"
	case before != after:
		return fmt.Sprintf("from %d to %d pods, those that stay do not restart", before, after)
	}
	return "pods do not restart"
}

// pods is how many pods a manifest asks for, as far as it says: one when it does
// not, none when there is no manifest.
func (m manifest) pods() int64 {
	if m.fields == nil {
		return 0
	}
	spec, _ := m.fields["spec"].(map[string]any)
	if n, ok := spec["replicas"].(int64); ok {
		return n
	}
	return 1
}
