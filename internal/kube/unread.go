package kube

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Unread is a list of objects as the server sent it: whether they are what they were
// can be told without reading them.
type Unread struct {
	Sum   [sha256.Size]byte // of its pages without what they say of the list, which changes with every write to the cluster
	pages [][]byte

	tooMany error
}

// Unread is List, and leaves what the server sends unread.
func (c *Client) Unread(ctx context.Context, gvr schema.GroupVersionResource, namespace string, s Selection) (Unread, error) {
	q := question{verb: "list", gvr: gvr, namespace: namespace}
	u := Unread{tooMany: c.tooMany(q)}
	var sum hash.Hash
	err := c.pages(ctx, q, func(ctx context.Context, next string) (string, int, error) {
		data, err := result(c.page(gvr, namespace, s, next).Do(ctx))
		if err != nil {
			return "", 0, err
		}
		head, err := about(data)
		if err != nil {
			return "", 0, err
		}
		if !strings.HasSuffix(head.kind, "List") {
			return "", 0, notList(head.kind)
		}
		if next == "" {
			u.pages, sum = nil, sha256.New()
		}
		before, after := data[:head.from], data[head.to:]
		sum.Write(binary.AppendUvarint(nil, uint64(len(before)+len(after)))) // so that no two pages run together
		sum.Write(before)
		sum.Write(after)
		u.pages = append(u.pages, data)
		return head.meta.Continue, len(u.pages) * pageSize, nil // which a page has at most
	})
	if err != nil {
		return Unread{}, err
	}
	sum.Sum(u.Sum[:0])
	return u, nil
}

// Read reads the objects. More than MaxObjects are an error.
func (u Unread) Read() ([]unstructured.Unstructured, error) {
	read := make([][]unstructured.Unstructured, len(u.pages))
	var g errgroup.Group
	g.SetLimit(readers)
	for i, data := range u.pages {
		g.Go(func() error {
			page, err := decode(data)
			if err == nil {
				read[i] = page.objects()
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	all := slices.Concat(read...)
	if len(all) > MaxObjects {
		return nil, u.tooMany
	}
	return all, nil
}
