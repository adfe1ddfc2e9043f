package registry

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

// Limits of what is listed.
const (
	maxNames  = 100_000
	maxPages  = 10_000
	maxList   = 8 << 20 // bytes of one page
	listPages = "1000"
)

// Repositories lists the registry's repositories whose names begin with prefix, as it
// tells them.
func (c *Client) Repositories(ctx context.Context, registry, prefix string) ([]string, error) {
	ref := Ref{Registry: registry, Repository: "x"}
	if err := ref.check(); err != nil {
		return nil, err
	}
	return c.names(ctx, question{
		method: http.MethodGet, url: c.scheme(ref) + "://" + registry + "/v2/_catalog?n=" + listPages, where: registry, limit: maxList,
	}, func(name string) bool { return strings.HasPrefix(name, prefix) && repositoryPattern.MatchString(name) })
}

// Tags lists a repository's tags, as the registry tells them; none when it has no such
// repository. Images that no tag names cannot be listed.
func (c *Client) Tags(ctx context.Context, ref Ref) ([]string, error) {
	if err := ref.check(); err != nil {
		return nil, err
	}
	return c.names(ctx, question{
		method: http.MethodGet, url: c.scheme(ref) + "://" + ref.Registry + "/v2/" + ref.Repository + "/tags/list?n=" + listPages, where: ref.String(), limit: maxList,
	}, tagPattern.MatchString)
}

// names reads a list page by page.
func (c *Client) names(ctx context.Context, q question, wanted func(string) bool) ([]string, error) {
	var all []string
	seen := map[string]bool{}
	for range maxPages {
		a, err := c.ask(ctx, q)
		if err != nil {
			return nil, err
		}
		if a.status == http.StatusNotFound {
			if code, _ := firstError(a.body); code == "NAME_UNKNOWN" {
				return nil, nil
			}
			return nil, unexpected(q.where, "to a list", a)
		}
		var page struct {
			Repositories []string `json:"repositories"`
			Tags         []string `json:"tags"`
		}
		if err := json.Unmarshal(a.body, &page); err != nil {
			return nil, fail.Fail(q.where, nameHint, "the registry's list is not valid JSON: %s", clean(err.Error()))
		}
		for _, name := range append(page.Repositories, page.Tags...) {
			if wanted(name) && !seen[name] {
				seen[name] = true
				all = append(all, name)
			}
		}
		if len(all) > maxNames {
			return nil, fail.Fail(q.where, "find out who makes so many", "the registry lists more than %d names", maxNames)
		}
		next, err := following(q, a.header.Get("Link"))
		if err != nil || next == "" {
			return all, err
		}
		if seen["\x00"+next] {
			return nil, fail.Fail(q.where, nameHint, "the registry's list does not end")
		}
		seen["\x00"+next] = true
		q.url = next
	}
	return nil, fail.Fail(q.where, nameHint, "the registry's list has more than %d pages", maxPages)
}

// following is the next page that a Link header names, of the same registry.
func following(q question, link string) (string, error) {
	target, rel, ok := strings.Cut(strings.TrimSpace(link), ">")
	if link == "" || !ok || !strings.HasPrefix(target, "<") || !strings.Contains(rel, `rel="next"`) {
		return "", nil
	}
	q.redirects = 1
	next, err := redirected(q, target[1:])
	if err != nil {
		return "", err
	}
	was, err := url.Parse(q.url)
	if err != nil {
		return "", err
	}
	is, err := url.Parse(next)
	if err != nil || is.Path != was.Path {
		return "", fail.Fail(q.where, nameHint, "the registry's list goes on elsewhere, at %q", clean(next))
	}
	return next, nil
}

// DeleteManifest deletes a manifest by its digest, and with it every tag that means it.
// gone is true when there was none. Its blobs stay on the disk until the registry's own
// garbage collection. A registry that does not let manifests be deleted is a failure.
func (c *Client) DeleteManifest(ctx context.Context, ref Ref, digest string) (gone bool, err error) {
	if !canon.IsDigest(digest) {
		return false, fail.Refuse("F2", ref.String(), "name the image by its sha256 digest", "%q is not a digest", clean(digest))
	}
	q, err := c.manifestQuestion(http.MethodDelete, ref, digest, nil)
	if err != nil {
		return false, err
	}
	// 405 is not trouble, and means one thing here.
	a, err := c.retry(ctx, q.where, func() (*answer, error) { return c.exchange(ctx, q) })
	if err != nil {
		if strings.Contains(err.Error(), "405") {
			return false, fail.Fail(q.where, "start the registry with REGISTRY_STORAGE_DELETE_ENABLED=true (storage.delete.enabled), which is off unless told",
				"the registry does not let manifests be deleted: %w", err)
		}
		return false, err
	}
	switch a.status {
	case http.StatusAccepted, http.StatusOK:
		return false, nil
	case http.StatusNotFound:
		return true, nil
	}
	return false, unexpected(q.where, "to a delete", a)
}
