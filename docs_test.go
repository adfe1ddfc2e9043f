package agentrun_test

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"golang.org/x/mod/modfile"
)

// page is one Markdown file of the tree.
type page struct {
	path     string   // from the root, slash separated
	links    []string // destinations, as written
	anchors  []string // of headings
	code     []string // inline code
	fences   []fence  // in order
	sections []section
	lines    int
}

// fence is one fenced code block.
type fence struct {
	info string // the first word after the backticks
	text string
	line int // where its text begins, from 1
}

// section is the tables that stand below one heading.
type section struct {
	title string
	rows  [][]cell
}

// cell is a table cell: its words, and the inline code among them.
type cell struct {
	text string
	code []string
}

// pages reads every Markdown file of the tree but those made or fetched.
func pages(t *testing.T) []page {
	t.Helper()
	var all []page
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", ".cache", "bin", "testdata"}, d.Name()) {
			return filepath.SkipDir
		}
		if strings.HasSuffix(name, ".md") {
			all = append(all, readPage(t, filepath.ToSlash(name)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func readPage(t *testing.T, name string) page {
	t.Helper()
	source, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	md := goldmark.New(goldmark.WithExtensions(extension.Table), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
	p := page{path: name, lines: strings.Count(string(source), "\n")}
	err = ast.Walk(md.Parser().Parse(text.NewReader(source)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			p.add(n, source)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *page) add(node ast.Node, source []byte) {
	switch n := node.(type) {
	case *ast.Link:
		p.links = append(p.links, string(n.Destination))
	case *ast.Image:
		p.links = append(p.links, string(n.Destination))
	case *ast.CodeSpan:
		p.code = append(p.code, words(n, source))
	case *ast.Heading:
		if id, ok := n.AttributeString("id"); ok {
			p.anchors = append(p.anchors, string(id.([]byte)))
		}
		p.sections = append(p.sections, section{title: words(n, source)})
	case *ast.FencedCodeBlock:
		f := fence{info: string(n.Language(source)), text: string(n.Lines().Value(source))}
		if n.Lines().Len() > 0 {
			f.line = 1 + strings.Count(string(source[:n.Lines().At(0).Start]), "\n")
		}
		p.fences = append(p.fences, f)
	}
	if node.Kind().String() == "TableRow" && len(p.sections) > 0 {
		var row []cell
		for c := node.FirstChild(); c != nil; c = c.NextSibling() {
			row = append(row, cell{text: words(c, source), code: spans(c, source)})
		}
		last := &p.sections[len(p.sections)-1]
		last.rows = append(last.rows, row)
	}
}

// words is the text below a node.
func words(node ast.Node, source []byte) string {
	var b strings.Builder
	for c := node.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			b.Write(t.Value(source))
		} else {
			b.WriteString(words(c, source))
		}
	}
	return b.String()
}

func spans(node ast.Node, source []byte) []string {
	var all []string
	for c := node.FirstChild(); c != nil; c = c.NextSibling() {
		if code, ok := c.(*ast.CodeSpan); ok {
			all = append(all, words(code, source))
		}
	}
	return all
}

// TestDocsLinks: what a page links to is there, the heading too.
func TestDocsLinks(t *testing.T) {
	for _, p := range pages(t) {
		for _, link := range p.links {
			u, err := url.Parse(link)
			if err != nil {
				t.Errorf("%s: the link %q cannot be read: %v", p.path, link, err)
				continue
			}
			if u.Scheme != "" {
				continue // another site: not ours to test
			}
			target := p
			if u.Path != "" {
				name := path.Join(path.Dir(p.path), u.Path)
				if _, err := os.Stat(name); err != nil {
					t.Errorf("%s: %q leads nowhere", p.path, link)
					continue
				}
				if u.Fragment == "" {
					continue
				}
				target = readPage(t, name)
			}
			if !slices.Contains(target.anchors, u.Fragment) {
				t.Errorf("%s: %q: no such heading", p.path, link)
			}
		}
	}
}

// TestDocsDecisions: a page each, short, numbered without gaps, in the index.
func TestDocsDecisions(t *testing.T) {
	index := readPage(t, "docs/decisions/README.md")
	files, err := filepath.Glob("docs/decisions/[0-9]*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no decisions: %v", err)
	}
	for i, file := range files {
		p := readPage(t, file)
		base := path.Base(filepath.ToSlash(file))
		if want := fmt.Sprintf("%04d", i+1); !strings.HasPrefix(base, want+"-") || !strings.HasPrefix(p.sections[0].title, want+" · ") {
			t.Errorf("%s: want the number %s in its name and its title", file, want)
		}
		if p.lines > 40 && base != "0015-dependencies.md" {
			t.Errorf("%s has %d lines, more than a decision needs", file, p.lines)
		}
		if !slices.Contains(index.links, base) {
			t.Errorf("%s is not in the index", file)
		}
	}
}

// TestDocsDependencies: each direct dependency has its reason, and no other has one.
func TestDocsDependencies(t *testing.T) {
	data, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	var direct, told []string
	for _, r := range mod.Require {
		if !r.Indirect {
			direct = append(direct, r.Mod.Path)
		}
	}
	for _, s := range readPage(t, "docs/decisions/0015-dependencies.md").sections {
		for _, row := range s.rows {
			told = append(told, row[0].text)
		}
	}
	slices.Sort(direct)
	slices.Sort(told)
	if diff := cmp.Diff(direct, told); diff != "" {
		t.Errorf("go.mod (-) and its reasons (+) differ:\n%s", diff)
	}
}
