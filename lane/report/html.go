package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"time"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/verify"
)

//go:embed page.html.tmpl
var page string

//go:embed page.css
var style string

// maxText bounds one text on the page, in bytes.
const maxText = 1000

// HTML draws the page.
func HTML(d Document) ([]byte, error) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"t": text, "sign": sign, "class": class, "link": link, "stamp": stamp, "sum": sum, "short": short, "as": as, "count": count,
	}).Parse(page)
	if err != nil {
		return nil, fmt.Errorf("reading the page's template: %w", err)
	}
	data, err := d.Verdict.Encode()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, struct {
		Document
		Style         template.CSS
		Policy        string
		VerdictDigest string
	}{d, template.CSS(style), policy(), canon.Digest(data)}); err != nil {
		return nil, fmt.Errorf("drawing the page: %w", err)
	}
	return b.Bytes(), nil
}

// policy lets the page have its own style and nothing else.
func policy() string {
	hash := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; base-uri 'none'; form-action 'none'"
}

// text is a text from outside, fit to be shown.
func text(v any) string { return fail.Clean(fmt.Sprint(v), maxText) }

func short(s string) string { return fmt.Sprintf("%.12s", text(s)) }

// sign stands beside the word of a state.
func sign(s verify.State) string {
	return map[verify.State]string{verify.Matched: "✓", verify.Contradicted: "✗", verify.Unknown: "?", verify.Skipped: "–", "": "·"}[class(s)]
}

// class is a state, one of those that the style knows.
func class(s verify.State) verify.State {
	switch s {
	case verify.Matched, verify.Contradicted, verify.Skipped, "":
		return s
	}
	return verify.Unknown
}

// link is what a place is called on the page.
func link(l verify.Link) string {
	words := map[verify.Link]string{
		verify.LinkLive: "Live", verify.LinkArgo: "Argo CD", verify.LinkGitops: "GitOps branch", verify.LinkTekton: "Tekton", verify.LinkWorktree: "Worktree",
	}
	if w, ok := words[l]; ok {
		return w
	}
	return text(l)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// sum is what a link comes to, in words.
func sum(c verify.Chain) string {
	n := map[verify.State]int{}
	for _, f := range c.Findings {
		n[f.State]++
	}
	s := fmt.Sprintf("%d of %d rules", n[verify.Matched], len(c.Findings))
	if n[verify.Contradicted] > 0 {
		s += fmt.Sprintf(", %d contradicted", n[verify.Contradicted])
	}
	if n[verify.Unknown] > 0 {
		s += fmt.Sprintf(", %d unknown", n[verify.Unknown])
	}
	return s
}

// as is how the pods of a service compare with the catalog.
func as(s Service) string {
	switch {
	case len(s.Live) == 0:
		return "nothing seen"
	case len(s.Live) == 1 && s.Live[0] == s.Digest:
		return "as the catalog"
	}
	return "another: " + fmt.Sprint(s.Live)
}

func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
