package pipeline_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pikasTech/agentrun/lane/intent"
)

// sshd is a real SSH server on loopback that lets this user in by one key, and the
// Secret that the pipeline mounts to be let in.
type sshd struct {
	port   int
	secret string // the folder of ssh-privatekey and known_hosts
}

func startSSHD(t *testing.T) sshd {
	t.Helper()
	program, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("there is no sshd: apt-get install openssh-server")
	}
	dir := t.TempDir()
	s := sshd{secret: filepath.Join(dir, "secret")}
	if err := os.MkdirAll(s.secret, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{dir + "/host", s.secret + "/ssh-privatekey"} {
		execute(t, nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = listener.Addr().(*net.TCPAddr).Port
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("HostKey %[1]s/host\nAuthorizedKeysFile %[1]s/secret/ssh-privatekey.pub\nPidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n", dir)
	put(t, dir+"/config", config)
	host, err := os.ReadFile(dir + "/host.pub")
	if err != nil {
		t.Fatal(err)
	}
	put(t, s.secret+"/known_hosts", fmt.Sprintf("[127.0.0.1]:%d %s", s.port, host))
	log, err := os.Create(dir + "/log")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		all.Wait()
		log.Close()
		if t.Failed() {
			said, _ := os.ReadFile(dir + "/log")
			t.Logf("sshd: %s", said)
		}
	})
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // it is over
			}
			all.Go(func() { serve(t, conn.(*net.TCPConn), program, dir+"/config", log) })
		}
	})
	return s
}

// serve hands one connection to sshd, which cannot be told to choose a port.
func serve(t *testing.T, conn *net.TCPConn, program, config string, log io.Writer) {
	file, err := conn.File()
	conn.Close()
	if err != nil {
		t.Error(err)
		return
	}
	defer file.Close()
	cmd := exec.CommandContext(t.Context(), program, "-i", "-e", "-f", config)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = file, file, log
	if err := cmd.Run(); err != nil && t.Context().Err() == nil {
		fmt.Fprintln(log, err) // the client tells what it lacks
	}
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// execute runs a program, which has to work, and gives what it says.
func execute(t *testing.T, env []string, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestB4_StepsReachGitOverSSH: the step that fetches, as it is rendered, in a folder
// instead of a pod's volumes: it gets in by the Secret's key, and only where the host
// has the Secret's known key. Promotion's push goes the same way.
func TestB4_StepsReachGitOverSSH(t *testing.T) {
	if testing.Short() {
		t.Skip("starts an SSH server: not in -short")
	}
	server := startSSHD(t)
	who, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	remote, work := filepath.Join(t.TempDir(), "shop.git"), t.TempDir()
	in, n := shop(t, func(in *intent.Intent) {
		in.Source.Repository = fmt.Sprintf("ssh://%s@127.0.0.1:%d%s", who.Username, server.port, remote)
	})
	execute(t, nil, "git", "init", "-q", "--bare", remote)
	git := func(args ...string) string {
		t.Helper()
		return execute(t, nil, "git", append([]string{"-C", work, "-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
	}
	git("init", "-q")
	put(t, work+"/README.md", "# shop\n")
	git("add", ".")
	git("commit", "-q", "-m", "one")
	git("push", "-q", remote, "HEAD:"+n.SourceRef())
	head := git("rev-parse", "HEAD")
	if err := os.MkdirAll(filepath.Join(work, filepath.Dir(n.ArtifactCatalog)), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(work, n.ArtifactCatalog), "{}\n")
	git("add", "-A")
	git("commit", "-q", "-m", "catalog")
	git("push", "-q", remote, "HEAD:"+n.GitopsRef())

	var step map[string]any
	for _, o := range all(t, in, n) {
		if o.GetKind() == "Pipeline" {
			tasks, _ := at(o.Object, "spec", "tasks").([]any)
			step = tasks[0].(map[string]any)["taskSpec"].(map[string]any)
		}
	}
	pod := t.TempDir()
	place := strings.NewReplacer("/etc/lane/git", server.secret, "/lane/cache", pod+"/lane/cache", "/lane/run", pod+"/lane/run").Replace
	env := []string{"COMMIT=" + head, "RUN=shop-run", "ROLLBACK=", "RESTART=", "RESULT=" + pod + "/result"}
	first := step["steps"].([]any)[0].(map[string]any)
	for _, list := range []any{at(step, "stepTemplate", "env"), first["env"]} {
		for _, v := range list.([]any) {
			name, value := v.(map[string]any)["name"].(string), fmt.Sprint(v.(map[string]any)["value"])
			if !strings.Contains(value, "$(") && name != "HOME" {
				env = append(env, name+"="+place(value))
			}
		}
	}
	for _, dir := range []string{"cache", "runs/shop-run", "run"} {
		if err := os.MkdirAll(pod+"/lane/"+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script := place(first["args"].([]any)[0].(string))
	if said := execute(t, env, "sh", "-euc", script); !strings.Contains(said, "checked out "+head) {
		t.Errorf("it says:\n%s", said)
	}
	git("commit", "-q", "--allow-empty", "-m", "promote")
	execute(t, env, "git", "-C", work, "push", "-q", in.Source.Repository, "HEAD:"+n.GitopsRef())

	// Another host key than the Secret's: nothing is sent there.
	put(t, server.secret+"/known_hosts", "")
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", script)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "Host key verification failed") {
		t.Errorf("an unknown host: %v\n%s", err, out)
	}
}

// at is a value within an object's maps.
func at(o map[string]any, path ...string) any {
	var v any = o
	for _, key := range path {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}
