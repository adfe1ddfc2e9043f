package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

// Remote is a repository elsewhere. The refs that are asked for, fetched or
// pushed are always named in full.
type Remote struct {
	// URL is anything that git fetches from: https, ssh, host:path, a folder.
	// It may carry credentials; they never appear in an error.
	URL string
	// Timeout bounds one question, fetch or push as a whole; 0 is five minutes.
	// A transfer over HTTP that moves nothing for a tenth of it ends earlier.
	Timeout time.Duration
}

const (
	defaultTimeout  = 5 * time.Minute
	hintUnreachable = "check the address, the network and the credentials, then run it again"
)

var errTimeout = errors.New("the remote did not finish in time")

// String is the address without credentials.
func (m Remote) String() string { return fail.Redact(m.URL) }

// LsRemote asks which ids the refs point at. A ref that does not exist is not in
// the answer; no ref at all is no error. Of a web server that knows nothing of git
// but answers everything, such as a login page, git may say that it has no refs.
func (m Remote) LsRemote(ctx context.Context, refs ...string) (map[string]string, error) {
	for _, ref := range refs {
		if err := checkRef(ref); err != nil {
			return nil, err
		}
	}
	// In no repository, so that none around the caller can have a say.
	out, err := m.run(ctx, call{gitDir: os.DevNull}, "ls-remote", append([]string{"--refs", "--", m.URL}, refs...)...)
	if err != nil {
		return nil, m.unreachable("asking for its refs", err)
	}
	found, err := parseRefs(string(out))
	if err != nil {
		return nil, fail.Fail(m.String(), "check that the address is a git repository", "asking for its refs: %w", err)
	}
	// A pattern of ls-remote also matches at the end of longer names.
	for ref := range found {
		if !slices.Contains(refs, ref) {
			delete(found, ref)
		}
	}
	return found, nil
}

// parseRefs reads `ls-remote --refs`: "oid TAB ref" each.
func parseRefs(out string) (map[string]string, error) {
	refs := map[string]string{}
	for line := range strings.Lines(out) {
		oid, ref, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok || !canon.IsCommit(oid) || ref == "" || strings.ContainsFunc(ref, unicode.IsControl) {
			return nil, fmt.Errorf("it answers %q", clean(line))
		}
		if _, twice := refs[ref]; twice {
			return nil, fmt.Errorf("it names the ref %q twice", clean(ref))
		}
		refs[ref] = oid
	}
	return refs, nil
}

// Fetch brings the commit at the remote's ref, without its history, and points
// the full ref local of this repository at it. It gives the commit's id. The
// repository is shallow afterwards. Whether a failure is the remote's or this
// repository's is told by LsRemote.
func (r *Repo) Fetch(ctx context.Context, from Remote, ref, local string) (string, error) {
	if err := errors.Join(checkRef(ref), checkRef(local)); err != nil {
		return "", err
	}
	return r.fetch(ctx, from, ref, local, "--depth=1")
}

// FetchCommit brings one commit by its full id, without its history, and points the
// full ref local of this repository at it. It gives the id. The remote must let
// itself be asked for commits that no ref points at, as servers of git's protocol
// version 2 do.
func (r *Repo) FetchCommit(ctx context.Context, from Remote, id, local string) (string, error) {
	if !canon.IsCommit(id) {
		return "", fmt.Errorf("fetching %q: not a full id", clean(id))
	}
	if err := checkRef(local); err != nil {
		return "", err
	}
	id, err := r.fetch(ctx, from, id, local, "--depth=1")
	if err != nil && ctx.Err() == nil {
		err = fail.Fail(from.String(), "check that the commit is there; the server must speak git's protocol version 2 or set uploadpack.allowAnySHA1InWant", "%w", err)
	}
	return id, err
}

// FetchHistory brings the commit at the remote's ref and all its ancestors, as
// far as they are not here, and points the full ref local of this repository at
// it. It gives the commit's id. Files stay behind if the remote lets them.
func (r *Repo) FetchHistory(ctx context.Context, from Remote, ref, local string) (string, error) {
	if err := errors.Join(checkRef(ref), checkRef(local)); err != nil {
		return "", err
	}
	return r.fetch(ctx, from, ref, local, "--filter=tree:0")
}

// fetch brings what a full ref or a full id of the remote names.
func (r *Repo) fetch(ctx context.Context, from Remote, ref, local string, what ...string) (string, error) {
	// Under a name: of a partial fetch git keeps in its settings whom to ask for the
	// rest, and the address may carry credentials.
	const name = "lane-fetched"
	_, err := from.run(ctx, call{gitDir: r.GitDir, keep: r.KeepOpen, settings: []string{"-c", "remote." + name + ".url=" + from.URL}},
		"fetch", append(what, "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc",
			"--no-recurse-submodules", "--refmap=", "--", name, "+"+ref+":"+local)...)
	if err != nil {
		return "", fmt.Errorf("fetching %s from %s: %w", ref, from, err)
	}
	return r.Ref(ctx, local)
}

// run runs a command that talks to the remote, within its timeout.
func (m Remote) run(ctx context.Context, c call, command string, args ...string) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	timeout := m.timeout()
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, timeoutError(timeout))
	defer cancel()
	c.args = append([]string{command}, args...)
	c.settings = append(c.settings, m.settings()...)
	return c.run(ctx)
}

// check refuses an address that git could take for something else.
func (m Remote) check() error {
	if m.URL == "" || strings.HasPrefix(m.URL, "-") || strings.ContainsFunc(m.URL, unicode.IsControl) {
		return fmt.Errorf("%q is not an address of a repository", clean(m.URL))
	}
	return nil
}

func (m Remote) timeout() time.Duration {
	if m.Timeout <= 0 {
		return defaultTimeout
	}
	return m.Timeout
}

func timeoutError(after time.Duration) error { return fmt.Errorf("%w (%s)", errTimeout, after) }

// settings are those of every command that talks to the remote.
func (m Remote) settings() []string {
	return []string{
		"-c", "fetch.unpackLimit=1", // one file for each fetch, see Repo.Packs
		"-c", "http.lowSpeedLimit=1",
		"-c", fmt.Sprintf("http.lowSpeedTime=%d", max(1, int(m.timeout().Seconds()/10))),
	}
}

func (m Remote) unreachable(doing string, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %s: %w", m, doing, err)
	}
	return fail.Fail(m.String(), hintUnreachable, "%s: %w", doing, err)
}
