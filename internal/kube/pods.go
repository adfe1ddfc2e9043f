package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The resources that this package itself reads.
var (
	pods   = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	events = schema.GroupVersionResource{Version: "v1", Resource: "events"}
)

// Limits of what a log may bring.
const (
	DefaultLogLines = 100
	MaxLogBytes     = 1 << 20
)

// LogOptions say which log, and how much of its end.
type LogOptions struct {
	Container string
	Previous  bool // of the container before the last restart
	Lines     int  // 0 is DefaultLogLines
}

// Log is the end of a container's log, at most MaxLogBytes. It is as the container
// wrote it: whoever shows it looks for secrets and control characters first.
func (c *Client) Log(ctx context.Context, namespace, pod string, o LogOptions) ([]byte, error) {
	q := question{verb: "get", gvr: pods, sub: "log", namespace: namespace, name: pod}
	if o.Lines == 0 {
		o.Lines = DefaultLogLines
	}
	r := c.rest.Get().AbsPath(append(path(pods, namespace), pod, "log")...).SetHeader("Accept", "*/*").
		Param("tailLines", fmt.Sprint(o.Lines)).Param("limitBytes", fmt.Sprint(MaxLogBytes))
	if o.Container != "" {
		r = r.Param("container", o.Container)
	}
	if o.Previous {
		r = r.Param("previous", "true")
	}
	data, err := c.raw(ctx, q, r)
	if len(data) > MaxLogBytes {
		data = data[len(data)-MaxLogBytes:]
	}
	return data, err
}

// Happened is one event of the cluster about an object. Its texts are cleaned.
type Happened struct {
	Last    time.Time
	Warning bool
	Kind    string // of the object
	Name    string
	Reason  string
	Message string
	Count   int
}

// Events are those of a namespace, oldest first; kind and name narrow them to an
// object when they are not "".
func (c *Client) Events(ctx context.Context, namespace, kind, name string) ([]Happened, error) {
	var fields []string
	if kind != "" {
		fields = append(fields, "involvedObject.kind="+kind)
	}
	if name != "" {
		fields = append(fields, "involvedObject.name="+name)
	}
	list, err := c.List(ctx, events, namespace, Selection{Fields: strings.Join(fields, ",")})
	if err != nil {
		return nil, err
	}
	out := make([]Happened, 0, len(list.Items))
	for _, item := range list.Items {
		var e corev1.Event
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(item.Object, &e); err != nil {
			return nil, c.explain(ctx, question{verb: "list", gvr: events, namespace: namespace}, err)
		}
		h := Happened{
			Last: e.LastTimestamp.Time, Warning: e.Type == corev1.EventTypeWarning,
			Kind: clean(e.InvolvedObject.Kind), Name: clean(e.InvolvedObject.Name),
			Reason: clean(e.Reason), Message: clean(e.Message), Count: max(1, int(e.Count)),
		}
		if e.Series != nil {
			h.Last, h.Count = e.Series.LastObservedTime.Time, int(e.Series.Count)
		}
		if h.Last.IsZero() {
			h.Last = e.EventTime.Time
		}
		if h.Last.IsZero() {
			h.Last = e.CreationTimestamp.Time
		}
		out = append(out, h)
	}
	slices.SortStableFunc(out, func(a, b Happened) int { return a.Last.Compare(b.Last) })
	return out, nil
}
