package registry

import (
	"net"
	"net/netip"
	"regexp"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

// Ref is an image repository.
type Ref struct {
	Registry   string // host or host:port
	Repository string // such as agentrun/agentrun-mgr
}

func (r Ref) String() string { return r.Registry + "/" + r.Repository }

// At is the reference that pins a digest.
func (r Ref) At(digest string) string { return r.String() + "@" + digest }

// Tagged is the reference by tag.
func (r Ref) Tagged(tag string) string { return r.String() + ":" + tag }

var (
	hostPattern       = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?$`)
	repositoryPattern = regexp.MustCompile(`^[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*$`)
	tagPattern        = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
)

// check refuses what could lead a question elsewhere than it should go.
func (r Ref) check() error {
	if !hostPattern.MatchString(r.Registry) {
		return fail.Refuse("D1", "registry.address", "write host:port", "%q is not the address of a registry", clean(r.Registry))
	}
	if len(r.Repository) > 255 || !repositoryPattern.MatchString(r.Repository) {
		return fail.Refuse("D1", r.Registry, "use lower-case letters, digits, '.', '_', '-' and '/'", "%q is not the name of an image repository", clean(r.Repository))
	}
	return nil
}

// where names what reference (a tag or a digest) means, for a message.
func (r Ref) where(reference string) string {
	if canon.IsDigest(reference) {
		return r.At(reference)
	}
	return r.Tagged(clean(reference))
}

// Loopback reports whether address (host or host:port) can only be this machine.
func Loopback(address string) bool {
	host := address
	if h, _, err := net.SplitHostPort(address); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func (c *Client) scheme(r Ref) string {
	if c.Insecure || Loopback(r.Registry) {
		return "http"
	}
	return "https"
}
