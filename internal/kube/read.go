package kube

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/pikasTech/agentrun/internal/fail"
)

// Selection narrows a list or watch. The zero value is everything.
type Selection struct {
	Labels string // a label selector, such as app=web,tier!=db
	Fields string // a field selector, such as metadata.name=web
}

func (s Selection) options() metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: s.Labels, FieldSelector: s.Fields}
}

// on is the resource within its namespace; "" is all of them, or none.
func (c *Client) on(gvr schema.GroupVersionResource, namespace string) dynamic.ResourceInterface {
	return c.dynamic.Resource(gvr).Namespace(namespace)
}

// limited is a context with the time limit of one request.
func (c *Client) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, c.timeout, errSlow)
}

// try sends a request whose answer is not an object.
func (c *Client) try(ctx context.Context, r *rest.Request) ([]byte, error) {
	ctx, cancel := c.limited(ctx)
	defer cancel()
	return result(r.Do(ctx))
}

// result is an answer's bytes, or the error that the server words.
func result(r rest.Result) ([]byte, error) {
	if err := r.Error(); err != nil {
		return nil, err
	}
	return r.Raw()
}

// raw is try with an error for people.
func (c *Client) raw(ctx context.Context, q question, r *rest.Request) ([]byte, error) {
	data, err := c.try(ctx, r)
	return data, c.explain(ctx, q, err)
}

// Get reads one object. Namespace is "" for what is in none.
func (c *Client) Get(ctx context.Context, gvr schema.GroupVersionResource, namespace, name string) (*unstructured.Unstructured, error) {
	q := question{verb: "get", gvr: gvr, namespace: namespace, name: name}
	limited, cancel := c.limited(ctx)
	defer cancel()
	obj, err := c.on(gvr, namespace).Get(limited, name, metav1.GetOptions{})
	if err != nil {
		return nil, c.explain(ctx, q, err)
	}
	return obj, nil
}

// List reads all objects of a resource in a namespace ("" is all of them), page by
// page. More than MaxObjects are an error. What stands in them at the paths of omit, such
// as status.pipelineSpec or, of each container, spec.containers.env, is not kept: of many
// large objects the little that counts.
func (c *Client) List(ctx context.Context, gvr schema.GroupVersionResource, namespace string, s Selection, omit ...string) (*unstructured.UnstructuredList, error) {
	q := question{verb: "list", gvr: gvr, namespace: namespace}
	all := &unstructured.UnstructuredList{Object: map[string]any{}}
	var read errgroup.Group
	read.SetLimit(readers)
	var pages []*list
	var n *atomic.Int64 // items read so far
	err := c.pages(ctx, q, func(ctx context.Context, next string) (string, int, error) {
		data, err := result(c.page(gvr, namespace, s, next).Do(ctx))
		if err != nil {
			return "", 0, err
		}
		head, err := about(data)
		if err != nil {
			return "", 0, err
		}
		if next == "" {
			pages, n = nil, new(atomic.Int64)
		}
		page, counted := new(list), n
		pages = append(pages, page)
		read.Go(func() error { // while the next one comes
			l, err := decode(data, omit...)
			if err == nil {
				*page = *l
				counted.Add(int64(len(l.Items)))
			}
			return err
		})
		all.SetResourceVersion(head.meta.ResourceVersion)
		return head.meta.Continue, int(n.Load()), nil
	})
	unread := read.Wait()
	if err != nil {
		return nil, err
	}
	if unread != nil {
		return nil, c.explain(ctx, q, unread)
	}
	for _, page := range pages {
		all.Items = append(all.Items, page.objects()...)
	}
	if len(all.Items) > MaxObjects {
		return nil, c.tooMany(q)
	}
	return all, nil
}

// readers are how many pages of a list are read at once.
const readers = 4

// page asks for the page of a list that follows next; "" is the first.
func (c *Client) page(gvr schema.GroupVersionResource, namespace string, s Selection, next string) *rest.Request {
	r := c.rest.Get().AbsPath(path(gvr, namespace)...).Param("limit", fmt.Sprint(pageSize))
	for key, value := range map[string]string{"labelSelector": s.Labels, "fieldSelector": s.Fields, "continue": next} {
		if value != "" {
			r = r.Param(key, value)
		}
	}
	return r
}

// Metadata lists what objects are called, labelled and owned by, and nothing of
// what they hold: of a Secret no value leaves the server.
func (c *Client) Metadata(ctx context.Context, gvr schema.GroupVersionResource, namespace string, s Selection) (*metav1.PartialObjectMetadataList, error) {
	const accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
	q := question{verb: "list", gvr: gvr, namespace: namespace}
	all := &metav1.PartialObjectMetadataList{}
	err := c.pages(ctx, q, func(ctx context.Context, next string) (string, int, error) {
		data, err := result(c.page(gvr, namespace, s, next).SetHeader("Accept", accept).Do(ctx))
		if err != nil {
			return "", 0, err
		}
		var page metav1.PartialObjectMetadataList
		if err := json.Unmarshal(data, &page); err != nil || page.Kind != "PartialObjectMetadataList" {
			return "", 0, fmt.Errorf("the server does not answer with metadata alone")
		}
		if next == "" {
			all.Items = nil
		}
		all.Items = append(all.Items, page.Items...)
		all.ResourceVersion = page.ResourceVersion
		return page.Continue, len(all.Items), nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// pages asks for page after page. When the list has become too old to go on with,
// it begins again, once.
func (c *Client) pages(ctx context.Context, q question, page func(ctx context.Context, next string) (string, int, error)) error {
	next, again := "", true
	for {
		limited, cancel := c.limited(ctx)
		following, n, err := page(limited, next)
		cancel()
		switch {
		case err != nil && next != "" && again && (apierrors.IsResourceExpired(err) || apierrors.IsGone(err)):
			next, again = "", false
			continue
		case err != nil:
			return c.explain(ctx, q, err)
		case n > MaxObjects:
			return c.tooMany(q)
		case following == "":
			return nil
		}
		next = following
	}
}

func (c *Client) tooMany(q question) error {
	return fail.Fail(c.Server, "find out who makes so many, and delete what is not needed", "listing %s: there are more than %d", q, MaxObjects)
}

// path is where a resource stands on the server.
func path(gvr schema.GroupVersionResource, namespace string) []string {
	p := []string{"/api", gvr.Version}
	if gvr.Group != "" {
		p = []string{"/apis", gvr.Group, gvr.Version}
	}
	if namespace != "" {
		p = append(p, "namespaces", namespace)
	}
	return append(p, gvr.Resource)
}
