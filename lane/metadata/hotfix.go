package metadata

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/lane/names"
)

// HotfixKind is the type of a Hotfix.
const HotfixKind = "Hotfix"

// Hotfix is the record of a change that is made to the live lane by hand: why, what
// it touches, how it is taken back, and how it becomes permanent.
type Hotfix struct {
	APIVersion string  `json:"apiVersion"`
	Kind       string  `json:"kind"`
	Project    string  `json:"project"`
	Lane       string  `json:"lane"`
	Name       string  `json:"name"`       // of the record, and of its file
	Issue      string  `json:"issue"`      // a URL, or such as #12, shop/shop#12 or OPS-12
	Reason     string  `json:"reason"`     //
	Scope      []Scope `json:"scope"`      // what may differ
	WayBack    string  `json:"wayBack"`    // how the change is taken back
	FollowUp   string  `json:"followUp"`   // how it becomes permanent
	By         string  `json:"by"`         // who
	RecordedAt string  `json:"recordedAt"` // RFC 3339, UTC
	ExpiresAt  string  `json:"expiresAt"`  // likewise; from then on the record covers nothing
}

// Scope is what of one object may differ.
type Scope struct {
	Object string   `json:"object"` // kind and name, such as Deployment/api
	Fields []string `json:"fields"` // such as spec.replicas; what is below one is meant as well
}

var (
	recordName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	objectID   = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,62}/[a-z0-9]([a-z0-9.:-]{0,251}[a-z0-9])?$`)
	reference  = regexp.MustCompile(`^([A-Za-z0-9._-]+/[A-Za-z0-9._-]+)?[#!][0-9]+$|^[A-Z][A-Z0-9]+-[0-9]+$`)
)

// HotfixPath is where a record stands on the GitOps branch.
func HotfixPath(n names.Names, name string) string {
	return n.Metadata() + "/hotfixes/" + name + ".json"
}

// IsHotfix reports whether a record stands at path.
func IsHotfix(n names.Names, path string) bool {
	name, ok := strings.CutPrefix(path, n.Metadata()+"/hotfixes/")
	return ok && strings.HasSuffix(name, ".json") && !strings.Contains(name, "/")
}

// Live reports whether the record covers anything at a time.
func (x *Hotfix) Live(now time.Time) bool {
	expires, err := time.Parse(time.RFC3339, x.ExpiresAt)
	return err == nil && now.Before(expires)
}

func (x *Hotfix) String() string {
	return fmt.Sprintf("hotfix %s of %s by %s until %s: %s", x.Name, x.Issue, x.By, x.ExpiresAt, x.Reason)
}

// Encode gives the canonical bytes. A record that ParseHotfix would refuse is
// refused.
func (x *Hotfix) Encode(n names.Names) ([]byte, error) {
	d := hotfixDocument("the record")
	if x.validate(d, n); d.err != nil {
		return nil, d.err
	}
	return canon.Marshal(x)
}

// ParseHotfix reads a record of the lane that n names. file is its path, which has
// to end with its name. Refusals are by rule H3.
func ParseHotfix(file string, data []byte, n names.Names) (*Hotfix, error) {
	x, d := new(Hotfix), hotfixDocument(file)
	d.decode(data, x)
	x.validate(d, n)
	if d.canonical(data, x); !strings.HasSuffix("/"+file, "/"+x.Name+".json") {
		d.refuse("name", "%q is not the name of the file", clean(x.Name))
	}
	if d.err != nil {
		return nil, d.err
	}
	return x, nil
}

func hotfixDocument(file string) *document {
	return &document{file: file, rule: "H3", hint: "lane hotfix end takes a record away, lane hotfix record makes it anew"}
}

func (x *Hotfix) validate(d *document, n names.Names) {
	d.head(x.APIVersion, x.Kind, HotfixKind, x.Project, x.Lane, n)
	if !recordName.MatchString(x.Name) {
		d.refuse("name", "%q is no name: lower-case letters, digits and hyphens", clean(x.Name))
	}
	if !isReference(x.Issue) {
		d.refuse("issue", "%q is no issue or pull request: write its URL, or such as #12", clean(x.Issue))
	}
	d.text("reason", x.Reason)
	d.text("wayBack", x.WayBack)
	d.text("followUp", x.FollowUp)
	d.text("by", x.By)
	d.scope(x.Scope)
	recorded := d.time("recordedAt", x.RecordedAt)
	if expires := d.time("expiresAt", x.ExpiresAt); d.err == nil && !expires.After(recorded) {
		d.refuse("expiresAt", "%s is not after %s", x.ExpiresAt, x.RecordedAt)
	}
}

// isReference reports whether s names an issue or a pull request. Credentials in a
// URL are refused.
func isReference(s string) bool {
	if reference.MatchString(s) {
		return len(s) <= maxText
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && isText(s) && !strings.Contains(s, " ")
}
