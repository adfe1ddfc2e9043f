package kube

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Unread is a list of objects as the server sent it: whether they are what they were
// can be told without reading them.
type Unread struct {
	Sum   [sha256.Size]byte // of the objects alone: what else stands in a list changes with every write to the cluster
	pages [][]byte
}

// Unread is List, and leaves what the server sends unread.
func (c *Client) Unread(ctx context.Context, gvr schema.GroupVersionResource, namespace string, s Selection) (Unread, error) {
	q := question{verb: "list", gvr: gvr, namespace: namespace}
	var u Unread
	var sum hash.Hash
	n := 0
	err := c.pages(ctx, q, func(ctx context.Context, next string) (string, int, error) {
		data, err := result(c.page(gvr, namespace, s, next).Do(ctx))
		if err != nil {
			return "", 0, err
		}
		if next == "" {
			u.pages, sum, n = nil, sha256.New(), 0
		}
		var page struct {
			Kind     string           `json:"kind"`
			Metadata metav1.ListMeta  `json:"metadata"`
			Items    []jsontext.Value `json:"items"`
		}
		if err := json.Unmarshal(data, &page); err != nil {
			return "", 0, fmt.Errorf("reading the list that the server sent: %w", err)
		}
		if !strings.HasSuffix(page.Kind, "List") {
			return "", 0, notList(page.Kind)
		}
		for _, item := range page.Items {
			sum.Write(binary.AppendUvarint(nil, uint64(len(item)))) // so that no two run together
			sum.Write(item)
		}
		u.pages = append(u.pages, data)
		n += len(page.Items)
		return page.Metadata.Continue, n, nil
	})
	if err != nil {
		return Unread{}, err
	}
	sum.Sum(u.Sum[:0])
	return u, nil
}

// Read reads the objects.
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
	err := g.Wait()
	return slices.Concat(read...), err
}
