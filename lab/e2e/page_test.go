package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/lab/cluster"
)

// block is a fenced block of a page.
type block struct{ language, text string }

// blocks are those of a section, in order.
func (s *stage) blocks(page, heading string) []block {
	s.Helper()
	text, err := os.ReadFile(filepath.Join(here.options.Repository, page))
	s.ok(err)
	_, section, found := strings.Cut(string(text), "\n## "+heading+"\n")
	if !found {
		s.Fatalf("%s has no section %q", page, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var all []block
	var open *block
	for line := range strings.Lines(section) {
		language, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && open == nil:
			open = &block{language: language}
		case fence:
			all, open = append(all, *open), nil
		case open != nil:
			open.text += strings.TrimLeft(line, " ")
		}
	}
	if len(all) == 0 {
		s.Fatalf("%s shows nothing in %q", page, heading)
	}
	return all
}

var anyDigest = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// operator runs what the pages show, as it stands there but for the names: of another
// lane, whose repository is private and reached over SSH.
type operator struct {
	*stage         // of the lane that is there already
	home    string // of the operator
	clone   string // of the source
	remote  string // the bare repository
	url     string // of it
	place   *strings.Replacer
	program string // folder of what is on the PATH besides
}

const (
	sshPort    = "2222"
	seventh    = "v0.7"
	seventhDNS = "agentrun-v07"
	eighth     = "v0.8" // which is opened from it
	eighthDNS  = "agentrun-v08"
)

func (s *stage) operator(agentrun string) *operator {
	s.Helper()
	dir := s.TempDir()
	o := &operator{
		stage: s, home: filepath.Join(dir, "home"), program: filepath.Join(dir, "bin"),
		remote: filepath.Join(dir, "agentrun.git"), clone: filepath.Join(s.Lab.Dir, "lanes", seventhDNS),
	}
	o.url = "ssh://root@" + cluster.NodeIP + ":" + sshPort + o.remote
	o.place = strings.NewReplacer(
		"v0.1", seventh, "agentrun-v01", seventhDNS, "agentrun-g14-v01", "agentrun-g14-v07", "agentrun_v01", "agentrun_v07",
		"git@github.com:pikasTech/agentrun.git", o.url, "db.internal", cluster.NodeIP,
		"/var/lib/kubelet", filepath.Join(s.Lab.Dir, "data", "kubelet"), "PASSWORD '…'", "PASSWORD 'p/@:?#%& w'",
		"agentrun-mgr 8080 &", "agentrun-mgr 8088:8080 &", "127.0.0.1:8080", "127.0.0.1:8088", // 8080 is a part of the lab's
		"--commit 1f0c2a9", "--commit HEAD", "v0.2", eighth, "agentrun-v02", eighthDNS,
		"--offline --skip worktree", "--offline --skip worktree || test $? = 3", // which proves a part, and says so
		"--apply --dry-run", "--apply --dry-run || test $? = 3", // something would change
	)
	for _, folder := range []string{o.program, filepath.Join(o.home, seventhDNS), filepath.Join(o.home, ".codex"), filepath.Join(o.home, ".ssh")} {
		s.ok(os.MkdirAll(folder, 0o700))
	}
	s.ok(os.Symlink(s.Program, filepath.Join(o.program, "lane")))
	s.ok(os.Symlink(agentrun, filepath.Join(o.program, "agentrun")))
	o.file("../bin/sudo", "#!/bin/sh\nexec \"$@\"\n") // root has no need of it
	o.file("../bin/editor", "#!/bin/sh\necho 'what is ours' > \"$1\"\n")
	o.file(seventhDNS+"/password", "p/@:?#%& w")
	for _, key := range []string{seventhDNS + "/deploy-key", seventhDNS + "/read-key", seventhDNS + "/host", ".ssh/id_ed25519"} {
		o.shell("ssh-keygen -q -t ed25519 -N '' -C operator -f ~/" + key)
	}
	for _, name := range []string{"auth.json", "config.toml"} {
		text, err := os.ReadFile(filepath.Join(s.Lab.Dir, "secrets", s.Names.RuntimeNamespace+"-"+name))
		s.ok(err)
		o.file(".codex/"+name, string(text))
	}
	return o
}

// file writes a file below the operator's home.
func (o *operator) file(path, text string) {
	o.Helper()
	o.ok(os.WriteFile(filepath.Join(o.home, path), []byte(text), 0o700))
}

// shell runs commands of the operator's, each of which has to work, and gives what they
// print.
func (o *operator) shell(script string) string {
	o.Helper()
	cmd := exec.CommandContext(o.lasting(), "bash", "-euo", "pipefail", "-c", "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n"+script)
	if cmd.Dir = o.clone; strings.Contains(script, "toolchain") {
		cmd.Dir = here.options.Repository
	}
	if _, err := os.Stat(cmd.Dir); err != nil {
		cmd.Dir = o.home
	}
	cmd.Env = append(o.Lab.Env(), "HOME="+o.home, "LC_ALL=C.UTF-8", "GIT_EDITOR="+filepath.Join(o.program, "editor"),
		"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=user.name", "GIT_CONFIG_VALUE_0=operator", "GIT_CONFIG_KEY_1=user.email", "GIT_CONFIG_VALUE_1=operator@localhost",
		"GIT_SSH_COMMAND=ssh -F none -o IdentitiesOnly=yes -i "+filepath.Join(o.home, seventhDNS, "deploy-key")+" -o UserKnownHostsFile="+filepath.Join(o.home, seventhDNS, "known_hosts"))
	cmd.Env[slices.IndexFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, "PATH=") })] += ":" + o.program
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} { // which are not the operator's own
		value, err := exec.CommandContext(o.lasting(), "go", "env", name).Output()
		o.ok(err)
		cmd.Env = append(cmd.Env, name+"="+strings.TrimSpace(string(value)))
	}
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := o.Lab.Run(cmd); err != nil {
		o.Fatalf("%s\n%v\n%s\n%s", script, err, out.String(), words.String())
	}
	return out.String() + words.String()
}

// page runs all that a section shows, and gives what that prints.
func (o *operator) page(page, heading string) string {
	o.Helper()
	said := ""
	for _, b := range o.blocks(page, heading) {
		switch text := o.place.Replace(b.text); b.language {
		case "sh":
			said += o.shell(text)
		case "sql":
			o.sql(text)
		}
	}
	return said
}

// sql is what whoever runs Postgres does.
func (o *operator) sql(text string) {
	o.Helper()
	super, err := os.ReadFile(o.Lab.PostgresPasswordFile())
	o.ok(err)
	host, port, _ := strings.Cut(cluster.Postgres, ":")
	cmd := exec.CommandContext(o.lasting(), "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", port, "-U", "postgres", "-d", "postgres")
	cmd.Env = append(o.Lab.Env(), "PGPASSWORD="+strings.TrimSpace(string(super)))
	cmd.Stdin = strings.NewReader(text)
	var words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &words, &words
	if err := o.Lab.Run(cmd); err != nil {
		o.Fatalf("%s\n%v\n%s", text, err, words.String())
	}
}

// serve serves the repository over SSH: one key may write, the other only reads. Argo CD
// is told the server's key as the ConfigMap argocd-ssh-known-hosts-cm would, which its
// pods mount.
func (o *operator) serve() {
	o.Helper()
	secrets := filepath.Join(o.home, seventhDNS)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(secrets, name))
		o.ok(err)
		return string(text)
	}
	o.file(seventhDNS+"/only-read", "#!/bin/sh\ncase $SSH_ORIGINAL_COMMAND in \"git-upload-pack '\"*) exec git shell -c \"$SSH_ORIGINAL_COMMAND\" ;; esac\nexit 1\n")
	o.file(seventhDNS+"/authorized", "restrict "+read("deploy-key.pub")+"restrict,command=\""+secrets+"/only-read\" "+read("read-key.pub"))
	o.file(seventhDNS+"/sshd", "ListenAddress "+cluster.NodeIP+":"+sshPort+"\nHostKey "+secrets+"/host\nAuthorizedKeysFile "+secrets+"/authorized\n"+
		"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n")
	known := "[" + cluster.NodeIP + "]:" + sshPort + " " + read("host.pub")
	o.file(seventhDNS+"/known_hosts", known)
	mounted := filepath.Join(o.Lab.Dir, "run", "argocd", "ssh", "ssh_known_hosts")
	o.ok(os.WriteFile(mounted, []byte(known), 0o644))
	o.Cleanup(func() { os.Remove(mounted) })
	o.ok(os.MkdirAll("/run/sshd", 0o755))
	cmd := exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", filepath.Join(secrets, "sshd"))
	var words bytes.Buffer
	cmd.Stderr = &words
	o.ok(o.Lab.Start(cmd))
	o.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if o.Failed() {
			o.Logf("sshd: %s", words.String())
		}
	})
	o.until("sshd listens", func() error {
		conn, err := o.Lab.Dial(o.lasting(), "tcp", cluster.NodeIP+":"+sshPort)
		if err == nil {
			conn.Close()
		}
		return err
	})
}

// source makes the repository, and the clone where the lane's work tree is, with the
// intent of the other lane as one who opens a lane has it: not their own yet.
func (o *operator) source() {
	o.Helper()
	o.shell("git init -q --bare -b " + seventh + " " + o.remote)
	patch := filepath.Join(o.home, "patch")
	o.lane("open", seventh, "--from", o.Names.Lane, "--patch", patch)
	o.shell("git clone -q -b " + o.Names.SourceBranch + " " + o.Clone + " " + o.clone)
	o.shell("git switch -q -c " + seventh + " && git apply " + patch + " && git remote set-url origin " + o.url)
}

var signers = regexp.MustCompile(`("signers": \[)[^\]]*`)

// makeOwn is what the page calls yours.
func (o *operator) makeOwn() {
	o.Helper()
	url := o.must(o.Git(o.lasting(), "remote", "get-url", "origin"))
	own, err := os.ReadFile(filepath.Join(o.home, seventhDNS, "signing.pub"))
	o.ok(err)
	o.ok(edit(filepath.Join(o.clone, "deploy", "deploy.json"), func(text string) (string, error) {
		if !signers.MatchString(text) || !strings.Contains(text, url) {
			return "", fmt.Errorf("the intent has no signers or not the repository %s:\n%s", url, text)
		}
		text = signers.ReplaceAllString(text, fmt.Sprintf("${1}%q", strings.TrimSpace(string(own))))
		return strings.ReplaceAll(text, url, o.url), nil
	}))
}

// leave takes away what the lane leaves for people to delete.
func (o *operator) leave() {
	o.Helper()
	ctx := context.WithoutCancel(o.Context())
	both := "lane.agentrun.dev/lane in (" + seventh + "," + eighth + ")"
	for _, args := range [][]string{
		{"-n", "argocd", "delete", "application,appproject", "-l", both, "--ignore-not-found"},
		{"-n", "argocd", "delete", "secret", "agentrun-repository", "--ignore-not-found"},
		{"-n", o.Names.TektonNamespace, "delete", "pipelineruns,pipelines,serviceaccounts,pvc,networkpolicies,secrets", "-l", both, "--ignore-not-found"},
		{"delete", "namespace", seventhDNS, eighthDNS, "--ignore-not-found"},
	} {
		if _, err := o.Lab.Kubectl(ctx, "", args...); err != nil {
			o.Error(err)
		}
	}
	o.sql("DROP DATABASE IF EXISTS agentrun_v07 WITH (FORCE);\nDROP ROLE IF EXISTS agentrun_v07;\n")
	o.ok(os.RemoveAll(o.clone))
}

// triggers gives the cluster the kinds of Tekton Triggers, and nothing that runs: the API
// server holds what is applied against their real schemas.
func (o *operator) triggers() {
	o.Helper()
	cmd := exec.CommandContext(o.lasting(), "go", "mod", "download", "-json", "github.com/tektoncd/triggers")
	cmd.Dir = filepath.Join(here.options.Repository, "tools", "triggers")
	out, err := cmd.Output()
	o.ok(err)
	var module struct{ Dir string }
	o.ok(json.Unmarshal(out, &module))
	kinds, err := filepath.Glob(filepath.Join(module.Dir, "config", "300-*.yaml"))
	o.ok(err)
	if len(kinds) == 0 {
		o.Fatalf("%s has no kinds", module.Dir)
	}
	for _, file := range kinds {
		o.kubectl("apply", "--server-side", "-f", file)
	}
	o.Cleanup(func() {
		for _, file := range kinds {
			if _, err := o.Lab.Kubectl(context.WithoutCancel(o.Context()), "", "delete", "--ignore-not-found", "-f", file); err != nil {
				o.Error(err)
			}
		}
	})
	o.kubectl("wait", "--for=condition=Established", "--timeout=1m", "crd/eventlisteners.triggers.tekton.dev", "crd/triggerbindings.triggers.tekton.dev", "crd/triggertemplates.triggers.tekton.dev")
}

// openNext opens the next lane, and ends it before anything is released on it.
func (o *operator) openNext(page string) {
	o.Helper()
	desk, worktree := filepath.Join(o.home, "desk"), o.clone
	o.shell("git clone -q -b " + seventh + " " + o.url + " " + desk)
	defer func() { o.clone = worktree }()
	o.clone = desk
	o.page(page, "I need the next lane")
	o.kubectl("-n", o.Names.ArgoNamespace, "get", "application", "agentrun-g14-v08")
	o.kubectl("-n", o.Names.TektonNamespace, "get", "pipeline", "agentrun-v08-ci-image-publish")
	o.shell("lane retire " + eighth + " --apply --confirm " + eighth)
}

// TestThePagesOpenALane: the commands of the pages for people who operate lanes, one
// after the other as they stand there, open a lane in a private repository, release it,
// submit a run to it, prove what is live, and end it.
func TestThePagesOpenALane(t *testing.T) {
	const operate = "docs/operate.md"
	s := theLane(t)
	o := s.operator(s.users().program)
	o.serve()
	o.Cleanup(o.leave)
	o.source()
	s.lendCaches(seventhDNS + "-ci")

	if said := o.page(operate, "What the cluster needs"); !strings.Contains(said, "(no change)") {
		t.Errorf("the lab's Tekton has not the flags that the page sets: %s", said)
	}
	pinned, err := os.ReadFile(filepath.Join(o.clone, "deploy", "images", "images.lock"))
	o.ok(err)
	said := o.page(operate, "The toolchain's image")
	digests := anyDigest.FindAllString(said, -1)
	if len(digests) == 0 || !strings.Contains(string(pinned), digests[len(digests)-1]) {
		t.Fatalf("the image that was pushed is not the one that the lane pins: %s", said)
	}
	tag := strings.TrimPrefix(digests[len(digests)-1], "sha256:")
	if tags, _, err := s.registry(http.MethodGet, "/v2/agentrun/toolchain/tags/list"); err != nil || !strings.Contains(tags, `"`+tag+`"`) {
		t.Errorf("no tag keeps the toolchain's image from the registry's own collector: %s, %v", tags, err)
	}

	before := map[string]func(){
		"git commit -a": o.makeOwn,
		"lane secrets create postgres": func() {
			o.until("Argo CD has made the namespace", func() error {
				_, err := o.Lab.Kubectl(o.lasting(), "", "get", "namespace", seventhDNS)
				return err
			})
		},
	}
	for _, b := range o.blocks(operate, "Open the lane") {
		for words, first := range before {
			if strings.Contains(b.text, words) {
				first()
				delete(before, words)
			}
		}
		if text := o.place.Replace(b.text); b.language == "sql" {
			o.sql(text)
		} else {
			o.shell(text)
		}
	}
	if len(before) > 0 {
		t.Fatalf("the page does not show %v", before)
	}

	begin := time.Now()
	if said := o.page(operate, "Release a commit"); !strings.Contains(said, "accepted") {
		t.Errorf("the release says:\n%s", said)
	}
	here.note("first release, as the page shows it", time.Since(begin))
	if said := o.page(operate, "Is it live, and why"); !strings.Contains(said, "accepted") || !strings.Contains(said, "drift: 0") {
		t.Errorf("it is not live:\n%s", said)
	}
	if said := o.page("docs/reference/cli.md", "A released manager"); !strings.Contains(said, "succeeded") {
		t.Errorf("the run says:\n%s", said)
	}
	if said := o.page(operate, "I need to prove what is live"); !strings.Contains(said, "signed by") {
		t.Errorf("the proof says:\n%s", said)
	}
	if said := o.page(operate, "I changed something by hand"); !strings.Contains(said, "Application/agentrun-g14-v07") {
		t.Errorf("the record says:\n%s", said)
	}
	o.sql("ALTER ROLE agentrun_v07 PASSWORD 'another p/@:?#%& w';\n")
	o.file(seventhDNS+"/password", "another p/@:?#%& w")
	if said := o.page(operate, "A password must change"); !strings.Contains(said, "accepted") {
		t.Errorf("the rotation says:\n%s", said)
	}
	o.page(operate, "Nobody may release now")

	good := strings.TrimSpace(o.shell("git rev-parse HEAD"))
	o.shell("git commit -q --allow-empty -m 'loses orders' && git push -q origin " + seventh + " && lane release --commit HEAD --follow")
	usual := o.place
	o.place = strings.NewReplacer("--to 1f0c2a9", "--to "+good[:7], "v0.1", seventh)
	if said := o.page(operate, "I need to go back"); strings.Count(said, "accepted") < 2 {
		t.Errorf("going back, and forward again, says:\n%s", said)
	}
	o.place = usual

	o.openNext(operate)
	o.triggers()
	o.page(operate, "A push should release")
	listener := []string{"-n", s.Names.TektonNamespace, "get", "eventlisteners,triggertemplates,triggerbindings", "-l", "lane.agentrun.dev/lane=" + seventh, "-o", "name"}
	if made := strings.Fields(o.kubectl(listener...)); len(made) != 3 {
		t.Errorf("of Triggers' kinds there are %q", made)
	}
	o.page(operate, "This lane is over")
	if left := o.kubectl(listener...); left != "" {
		t.Errorf("ending the lane leaves %s", left)
	}
	if left := o.kubectl("-n", seventhDNS, "get", "deployments", "-o", "name"); left != "" {
		t.Errorf("ending the lane leaves %s", left)
	}
	s.accepted() // and the other lane is as it was
}
