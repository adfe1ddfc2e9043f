package check

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
)

// page is a Markdown document: where it links to and what can be linked to.
type page struct {
	*file
	links   []link
	anchors map[string]bool
}

type link struct {
	to     string
	offset int
}

// links follows every relative link of every Markdown document, anchors
// included, within the commit (rule E3), and looks at the page of secret
// distribution (rule G5).
func (j *judge) links() (fail.Findings, error) {
	pages := map[string]*page{}
	for _, e := range j.tree.entries {
		f := &file{Entry: e}
		if !f.isDocument() || e.Type != "blob" || e.Mode == git.ModeSymlink {
			continue
		}
		data, err := j.tree.read(e)
		if _, tooLarge := asTooLarge(err); tooLarge {
			continue // files speaks of it
		}
		if err != nil {
			return nil, err
		}
		f.text, f.binary = asText(data)
		pages[e.Path] = readPage(f)
	}
	var found fail.Findings
	for _, p := range pages {
		broken := 0
		for _, l := range p.links {
			if why := j.broken(pages, p.Path, l.to); why != "" && broken < maxFound {
				broken++
				found = append(found, p.at(l.offset, "E3", "mend the link, or commit what it leads to", "the link to %q is broken: %s", fail.Clean(l.to, maxQuoted), why))
			}
		}
	}
	if p, in := pages[secretsPage], j.intents.top.in; p != nil && in != nil {
		found = append(found, p.secretDistribution(in)...)
	}
	if p := pages[agentsPage]; p != nil && !p.linksTo(lanePage) {
		found = append(found, p.whole("E3", "link to "+lanePage, "the page does not link to the lane's specification"))
	}
	return found, nil
}

// maxQuoted is how much of a link a finding repeats.
const maxQuoted = 100

func (p *page) linksTo(target string) bool {
	for _, l := range p.links {
		if u, err := url.Parse(l.to); err == nil && u.Scheme == "" && u.Host == "" && path.Join(path.Dir(p.Path), u.Path) == target {
			return true
		}
	}
	return false
}

// lineAnchor is the anchor of lines in a source file.
var lineAnchor = regexp.MustCompile(`^L[0-9]+(-L[0-9]+)?$`)

// broken says why a link from a page leads nowhere, or "". Links that leave the
// commit are not followed.
func (j *judge) broken(pages map[string]*page, from, to string) string {
	u, err := url.Parse(to)
	if err != nil {
		return "it is no URL"
	}
	if u.Scheme != "" || u.Host != "" {
		return ""
	}
	target := from
	switch {
	case strings.HasPrefix(u.Path, "/"):
		target = strings.TrimPrefix(path.Clean(u.Path), "/")
	case u.Path != "":
		target = path.Join(path.Dir(from), u.Path)
	}
	if target == "" {
		target = "."
	}
	switch p := pages[target]; {
	case target == ".." || strings.HasPrefix(target, "../"):
		return "it leaves the source tree"
	case !j.tree.has(target):
		return "the commit has no such file"
	case u.Fragment == "":
	case p != nil && !p.anchors[u.Fragment]:
		return fmt.Sprintf("the page has no heading %q", "#"+u.Fragment)
	case p == nil && !lineAnchor.MatchString(u.Fragment):
		return "only pages have headings"
	}
	return ""
}

// idAttribute is an anchor that a page sets in HTML.
var idAttribute = regexp.MustCompile(`<a\s+(?:id|name)="([^"]+)"`)

func readPage(f *file) *page {
	p := &page{file: f, anchors: map[string]bool{}}
	doc := goldmark.DefaultParser().Parse(text.NewReader(f.text))
	for _, m := range idAttribute.FindAllSubmatch(f.text, -1) {
		p.anchors[string(m[1])] = true
	}
	seen := map[string]int{}
	offset := 0
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		if at := n.Pos(); at >= 0 {
			offset = at
		}
		switch n := n.(type) {
		case *ast.Heading:
			anchor := slug(plainText(n, f.text))
			if count := seen[anchor]; count > 0 {
				p.anchors[fmt.Sprintf("%s-%d", anchor, count)] = true
			} else {
				p.anchors[anchor] = true
			}
			seen[anchor]++
		case *ast.Link:
			p.links = append(p.links, link{string(n.Destination), offset})
		case *ast.Image:
			p.links = append(p.links, link{string(n.Destination), offset})
		}
		return ast.WalkContinue, nil
	})
	return p
}

// plainText is a heading without its marks.
func plainText(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := n.(*ast.Text); ok && entering {
			b.Write(t.Segment.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// slug is a heading's anchor, as git hosts write it.
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
}
