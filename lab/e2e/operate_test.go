package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/agentrun/lab/cluster"
)

// TestA4_OneLaneGoesBackAndEnds: v0.2 is opened beside v0.1, goes back, and ends, by one
// command each; v0.1 is what it was, to the byte, after each of them.
func TestA4_OneLaneGoesBackAndEnds(t *testing.T) {
	one := theLane(t)
	two := one.nextVersion()
	two.released("first release of v0.2", two.same(one))
	first, image := two.sourceHead(), two.catalog()["agentrun-mgr"].Digest
	before := one.belongings()
	untouched := func(by string) {
		t.Helper()
		if now := one.belongings(); now != before {
			t.Errorf("%s changed v0.1: %s", by, difference(before, now))
			before = now
		}
	}

	two.touch("agentrun-mgr")
	two.released("one service changed", two.commit("v0.2: another manager"))
	compared, err := one.Try(t.Context(), "diff", "--lanes", "v0.1", "v0.2")
	one.ok(err)
	one.ends(compared, 3, "agentrun-mgr", "agentrun-runner")
	untouched("a release of v0.2")

	r := two.rollback(first, "--reason", "the new manager is slow")
	two.ends(r.Result, 0, "accepted")
	here.note("rollback", r.Took)
	if now := two.catalog()["agentrun-mgr"].Digest; now != image {
		t.Errorf("after going back agentrun-mgr is %s, not %s", now, image)
	}
	if v := two.verify(); !v.Accepted || v.Commit != first {
		t.Errorf("v0.2 went back to %s: %s", v.Commit, strings.Join(wrong(v), "\n"))
	}
	untouched("going back in v0.2")

	// What ends is shown first; the name is asked for once more.
	head := two.gitopsHead()
	shown, err := two.Try(t.Context(), "retire", "v0.2")
	two.ok(err)
	two.ends(shown, 0, "services that end: 2", "also run by [v0.1]", "namespace agentrun-v02", "Secret agentrun-v02/agentrun-v02-postgres")
	refused, err := two.Try(t.Context(), "retire", "v0.2", "--apply", "--by", "e2e")
	two.ok(err)
	two.ends(refused, 2, "--confirm v0.2")
	if now := two.gitopsHead(); now != head {
		t.Errorf("showing moved the GitOps branch to %s", now)
	}
	two.lane("retire", "v0.2", "--apply", "--confirm", "v0.2", "--by", "e2e")
	n := two.Names
	for _, gone := range [][]string{
		{"-n", n.RuntimeNamespace, "get", "deployments,services,jobs,configmaps", "-l", "lane.agentrun.dev/lane=v0.2", "-o", "name"},
		{"-n", n.ArgoNamespace, "get", "application,appproject", "-l", "lane.agentrun.dev/lane=v0.2", "-o", "name"},
		{"-n", n.TektonNamespace, "get", "pipelines,serviceaccounts", "-l", "lane.agentrun.dev/lane=v0.2", "-o", "name"},
	} {
		if left := two.kubectl(gone...); left != "" {
			t.Errorf("retiring left %s", left)
		}
	}
	for _, secret := range []string{"agentrun-v02-postgres", "agentrun-v02-codex"} {
		two.kubectl("-n", n.RuntimeNamespace, "get", "secret", secret) // which is for people to delete
	}
	untouched("the end of v0.2")
	one.accepted()
	again, err := two.Try(t.Context(), "retire", "v0.2", "--apply", "--confirm", "v0.2", "--by", "e2e")
	two.ok(err)
	two.ends(again, 0)

	// It comes back as it was opened.
	two = one.nextVersion()
	two.released("first release of v0.2", two.readme())
	two.accepted()
	untouched("v0.2 coming back")
}

// TestG5_G6_RotatedPasswordReachesItsReaders: with another password in the database and
// in the Secret, the pods that read it are replaced and no others; nothing is built,
// no value is said, and the lane is accepted.
func TestG5_G6_RotatedPasswordReachesItsReaders(t *testing.T) {
	s := theLane(t)
	check := []string{"secrets", "check", "--skip-connect"} // the database is in the lab's network, as lane is here
	s.lane(check[:2]...)
	pods, tags, catalog := s.pods("agentrun-mgr"), s.tags(), s.catalog()
	file, err := s.NewPassword(s.lasting())
	s.ok(err)
	bad, err := s.Try(t.Context(), "secrets", "check")
	s.ok(err)
	s.ends(bad, 3, "DATABASE_URL")
	s.lane(check...)

	r, err := s.Try(t.Context(), "secrets", "rotate", "postgres", "--host", cluster.NodeIP, "--user", s.Names.Database, "--password-file", file)
	s.ok(err)
	s.ends(r, 0)
	password, err := os.ReadFile(file)
	s.ok(err)
	if said := string(r.Out) + r.Words + string(bad.Out) + bad.Words; strings.Contains(said, string(password)) {
		t.Error("the password was said")
	}
	s.until("the manager's pods are replaced", func() error {
		s.accepted()
		if now := s.pods("agentrun-mgr"); now == pods {
			return errors.New("they are the same")
		}
		return nil
	})
	s.lane("secrets", "check")
	if s.tags() != tags || s.catalog()["agentrun-mgr"] != catalog["agentrun-mgr"] {
		t.Error("something was built")
	}
	s.accepted()
}

// TestVerdictLeavesTheCluster: the verdict as a signed document, which is checked
// without the cluster and refused when a byte of it is another; as a page; and what of
// it Git and the registry prove alone.
func TestVerdictLeavesTheCluster(t *testing.T) {
	s := theLane(t)
	dir := t.TempDir()
	signed, public := filepath.Join(dir, "verdict.json"), filepath.Join(dir, "key.pub")
	s.ok(os.WriteFile(signed, []byte(s.lane("verify", "--sign", s.SigningKey())), 0o644))
	key, err := s.PublicKey()
	s.ok(err)
	s.ok(os.WriteFile(public, []byte(key+"\n"), 0o644))
	if said := s.lane("verify", "--check-signature", public, signed); !strings.Contains(said, "accepted") {
		t.Errorf("it says %s", said)
	}
	s.ok(edit(signed, func(text string) (string, error) {
		other := strings.Replace(text, `"payload": "`, `"payload": "e30`, 1)
		if other == text {
			return "", errors.New("the document has no payload")
		}
		return other, nil
	}))
	tampered, err := s.Try(t.Context(), "verify", "--check-signature", public, signed)
	s.ok(err)
	s.ends(tampered, 4, "no key that was given has signed it")

	page := filepath.Join(dir, "lane.html")
	s.lane("report", "--out", page)
	html, err := os.ReadFile(page)
	s.ok(err)
	for _, want := range []string{"accepted", "agentrun-mgr", s.sourceHead()[:12]} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the page does not say %s", want)
		}
	}

	offline, err := s.Try(t.Context(), "verify", "--offline")
	s.ok(err)
	s.ends(offline, 3, "0 contradicted", "offline: the cluster was not asked")
	if told := s.lane("status"); !strings.Contains(told, "agentrun-mgr") {
		t.Errorf("status says %s", told)
	}
	s.lane("gc")
}

// TestUnneededImagesAreDeleted: an image that no lane's history names is listed, and
// deleted when the list is named; what a lane needs stays.
func TestUnneededImagesAreDeleted(t *testing.T) {
	s := theLane(t)
	manifests := "/v2/" + s.Names.Project + "/agentrun-mgr/manifests/"
	manifest, needed, err := s.registry(http.MethodGet, manifests+s.catalog()["agentrun-mgr"].Digest)
	s.ok(err)
	tag := ""
	for commit := range strings.FieldsSeq(s.must(s.Git(t.Context(), "rev-list", "-n", "50", "HEAD"))) {
		if _, _, err := s.registry(http.MethodHead, manifests+commit); err != nil {
			tag = commit
			break
		}
	}
	s.put(manifests+tag, manifest+"\n") // the same image in other bytes
	_, unneeded, err := s.registry(http.MethodHead, manifests+tag)
	s.ok(err)

	var doc struct {
		ListHash string
		List     []struct{ Digest string }
	}
	s.ok(json.Unmarshal([]byte(s.lane("gc", "--keep", "0s", "-o", "json")), &doc))
	digests := fmt.Sprint(doc.List)
	if !strings.Contains(digests, unneeded) || strings.Contains(digests, needed) {
		t.Errorf("%s is not needed, %s is; listed are %s", unneeded, needed, digests)
	}
	r, err := s.Try(t.Context(), "gc", "--keep", "0s", "--delete", "--list-hash", "sha256:"+strings.Repeat("0", 64))
	s.ok(err)
	s.ends(r, 5)
	s.lane("gc", "--keep", "0s", "--delete", "--list-hash", doc.ListHash)
	if _, _, err := s.registry(http.MethodHead, manifests+unneeded); err == nil {
		t.Errorf("%s is still there", unneeded)
	}
	if watched := s.lane("verify", "--watch"); !strings.Contains(watched, "accepted") {
		t.Errorf("it says %s", watched)
	}

	// One of long ago, as the page shows it: what the first command prints ends with the second.
	tree := exec.CommandContext(t.Context(), "git", "-c", "user.name=e2e", "-c", "user.email=e2e@localhost", "commit-tree", "-m", "long ago", "HEAD^{tree}")
	tree.Dir, tree.Env = s.Clone, append(os.Environ(), "GIT_AUTHOR_DATE=2020-01-02T03:04:05Z", "GIT_COMMITTER_DATE=2020-01-02T03:04:05Z")
	commit, err := tree.Output()
	s.ok(err)
	tag = strings.TrimSpace(string(commit))
	s.put(manifests+tag, manifest+"\n\n")
	page := strings.Split(strings.TrimSpace(s.blocks("docs/operate.md", "The registry is full")[0].text), "\n")
	shown := s.lane(strings.Fields(page[0])[1:]...)
	lines := strings.Split(strings.TrimSpace(shown), "\n")
	next := strings.TrimSpace(lines[len(lines)-1])
	if of := anyDigest.ReplaceAllString(next, "sha256:0123abcd"); len(page) != 2 || !strings.HasSuffix(of, page[1]) {
		t.Fatalf("the page shows %q, and the first command:\n%s", page, shown)
	}
	s.lane(strings.Fields(next[strings.Index(next, "lane gc"):])[1:]...)
	if _, _, err := s.registry(http.MethodHead, manifests+tag); err == nil {
		t.Errorf("the image of %s is still there", tag)
	}
	s.accepted()
}
