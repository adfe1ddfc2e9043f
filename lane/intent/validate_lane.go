package intent

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/crypto/ssh"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/names"
)

// intent looks at everything that the types alone do not say.
func (v *validator) intent(in *Intent) {
	if in.APIVersion != APIVersion {
		v.add("/apiVersion", "D2", "write "+APIVersion, "%s is not a version this lane reads", v.quote(in.APIVersion))
	}
	if in.Kind != Kind {
		v.add("/kind", "D2", "write "+Kind, "%s is not the kind of this document", v.quote(in.Kind))
	}
	v.names(in)
	v.network(in)
	d := v.declarations(in)
	v.services(in, d)
	d.unused(v)
}

// names looks at each part of the lane's names by itself, among parts that are
// valid, so that one finding does not hide the next.
func (v *validator) names(in *Intent) {
	cluster := names.Cluster{Name: "c", Host: "h", WorktreeRoot: "/"}
	for _, part := range []struct {
		at    jsontext.Pointer
		value string
		try   func(value string) (names.Names, error)
	}{
		{"/project", in.Project, func(s string) (names.Names, error) { return names.For(s, "v0.1", cluster, "ci") }},
		{"/lane", in.Lane, func(s string) (names.Names, error) { return names.For("p", s, cluster, "ci") }},
		{"/ci/namespace", in.CI.Namespace, func(s string) (names.Names, error) { return names.For("p", "v0.1", cluster, s) }},
		{"/cluster/name", in.Cluster.Name, func(s string) (names.Names, error) {
			return names.For("p", "v0.1", names.Cluster{Name: s, Host: "h", WorktreeRoot: "/"}, "ci")
		}},
		{"/cluster/host", in.Cluster.Host, func(s string) (names.Names, error) {
			return names.For("p", "v0.1", names.Cluster{Name: "c", Host: s, WorktreeRoot: "/"}, "ci")
		}},
		{"/cluster/worktreeRoot", in.Cluster.WorktreeRoot, func(s string) (names.Names, error) {
			return names.For("p", "v0.1", names.Cluster{Name: "c", Host: "h", WorktreeRoot: s}, "ci")
		}},
	} {
		if v.settled[part.at] {
			continue
		}
		if _, err := part.try(part.value); err != nil {
			why := err
			if e, ok := err.(*fail.Error); ok {
				why = e.Err
			}
			v.add(part.at, fail.RuleOf(err), fail.HintOf(err), "%v", why)
		}
	}
	for i, cidr := range in.Cluster.DNS {
		v.cidr(element("/cluster/dns", i), cidr)
	}
}

// network looks at how code, images and the outside are reached (rules B3 and B4).
func (v *validator) network(in *Intent) {
	if why := repositoryFault(in.Source.Repository); why != "" {
		v.add("/source/repository", "D1", "write git@host:path, ssh://git@host/path or https://host/path; credentials come from the cluster", "%s %s", v.quote(in.Source.Repository), why)
	}
	if !isHostPort(in.Registry.Address) {
		v.add("/registry/address", "B4", "write host:port, such as 127.0.0.1:5000", "%s is no host and port", v.quote(in.Registry.Address))
	}
	if in.CI.Proxy != "" && !isProxy(in.CI.Proxy) {
		v.add("/ci/proxy", "B3", "write http://host:port, without user or path", "%s is no proxy's address", v.quote(in.CI.Proxy))
	}
	v.noProxy(in)
	v.distinctStrings("key", "/ci/signers", in.CI.Signers)
	for i, key := range in.CI.Signers {
		if _, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(key)); err != nil || len(options)+len(rest) > 0 || !strings.HasPrefix(key, ssh.KeyAlgoED25519+" ") {
			v.add(element("/ci/signers", i), "D1", "write the line of the .pub file that ssh-keygen -t ed25519 made", "%s is no ed25519 public key", v.quote(key))
		}
	}
	if p := in.CI.SeccompProfile; p != "" && (len(p) > maxProfilePath || !profilePath.MatchString(p)) {
		v.add("/ci/seccompProfile", "D1", "write the path of a .json file within the kubelet's seccomp folder, such as lane/buildkit.json", "%s is no path of a seccomp profile", v.quote(p))
	}
}

// profilePath is what the kubelet takes from its own seccomp folder, and no way out
// of it: no part begins with a dot.
var profilePath = regexp.MustCompile(`^([A-Za-z0-9_][A-Za-z0-9._-]*/)*[A-Za-z0-9_][A-Za-z0-9._-]*\.json$`)

const maxProfilePath = 200

func (v *validator) noProxy(in *Intent) {
	v.distinctStrings("entry", "/ci/noProxy", in.CI.NoProxy)
	hasCIDR := false
	for i, entry := range in.CI.NoProxy {
		at := element("/ci/noProxy", i)
		_, err := netip.ParsePrefix(entry)
		hasCIDR = hasCIDR || err == nil
		if err != nil && net.ParseIP(entry) == nil && len(validation.IsDNS1123Subdomain(strings.ToLower(strings.TrimPrefix(entry, ".")))) > 0 {
			v.add(at, "B3", "write a domain, .domain, an address or a CIDR", "%s is nothing that a proxy can be bypassed for", v.quote(entry))
		}
	}
	if in.CI.Proxy == "" {
		return
	}
	for _, domain := range directDomains {
		if !slices.Contains(in.CI.NoProxy, domain) {
			v.add("/ci", "B3", "add "+strconv.Quote(domain)+" to ci.noProxy", "ci.noProxy lacks %q, which is never reached through the proxy", domain)
		}
	}
	if !hasCIDR {
		v.add("/ci", "B3", "add the cluster's service CIDR, such as 10.43.0.0/16, to ci.noProxy", "ci.noProxy lacks the cluster's service CIDR")
	}
}

// scpLike is git's short form of an ssh URL. A password has no place in it.
var scpLike = regexp.MustCompile(`^([A-Za-z0-9._-]+@)?[A-Za-z0-9][A-Za-z0-9.-]*:[A-Za-z0-9._~/-]+$`)

// repositoryFault says why s cannot be the source repository, or "". A local
// path would make a release depend on one machine's folders.
func repositoryFault(s string) string {
	if !strings.Contains(s, "://") {
		if !scpLike.MatchString(s) {
			return "is no git URL"
		}
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" && u.Scheme != "file" {
		return "is no git URL"
	}
	_, hasPassword := u.User.Password()
	switch {
	case u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") == "":
		return "is no git URL"
	case hasPassword:
		return "holds a password"
	case u.Scheme == "ssh":
		return ""
	case u.User != nil:
		return "holds a user, which over " + u.Scheme + " is a credential"
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return ""
	}
	return "has the scheme " + strconv.Quote(u.Scheme) + ", which is neither encrypted nor on loopback"
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func isHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	n, perr := strconv.Atoi(port)
	return err == nil && perr == nil && n >= 1 && n <= 65535 && strconv.Itoa(n) == port && isHost(host)
}

func isHost(host string) bool {
	return net.ParseIP(host) != nil || len(validation.IsDNS1123Subdomain(strings.ToLower(host))) == 0
}

func isProxy(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.User == nil && isHostPort(u.Host) && strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == ""
}
