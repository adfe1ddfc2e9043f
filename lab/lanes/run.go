package lanes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/lab/cluster"
)

// model is where the model of runs listens: on the node, where pods can reach it when
// the lane's policy lets them.
const model = cluster.NodeIP + ":18911"

var managerEgress = regexp.MustCompile(`(\{ "dns": true \},\s*)(\{ "service": "agentrun-mgr" \})`)

// letRunnersReachTheModel edits the intent of a clone: the model is on a private
// address, and those are closed to runners.
func letRunnersReachTheModel(clone string) error {
	host, port, err := net.SplitHostPort(model)
	if err != nil {
		return err
	}
	file := filepath.Join(clone, "deploy", "deploy.json")
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	rule := fmt.Sprintf(`{ "cidr": "%s/32", "ports": [%s] }, `, host, port)
	if strings.Contains(string(data), rule) {
		return nil // of a demo before
	}
	if !managerEgress.Match(data) {
		return fmt.Errorf("%s does not say that runners reach the manager", file)
	}
	return os.WriteFile(file, managerEgress.ReplaceAll(data, []byte("${1}"+rule+"${2}")), 0o644)
}

// codexConfig is a configuration of Codex for that model. It turns off what
// would talk to anybody else.
const codexConfig = `model = "told"
model_provider = "lab"
approval_policy = "never"
sandbox_mode = "danger-full-access"
web_search = "disabled"
check_for_update_on_startup = false
cli_auth_credentials_store = "file"

[analytics]
enabled = false

[features]
plugins = false
remote_plugin = false
apps = false
goals = false
image_generation = false
shell_snapshot = false
unbounded_connection_retries = false

[agents]
enabled = false

[shell_environment_policy]
inherit = "core"
ignore_default_excludes = false

[model_providers.lab]
name = "lab"
base_url = "http://` + model + `/v1"
wire_api = "responses"
requires_openai_auth = true
request_max_retries = 1
stream_max_retries = 1
stream_idle_timeout_ms = 20000
`

// prompt is what the demo's run is told: a message, two commands and a new file.
const prompt = `Look around, then write a file.
model: run git --version && codex --version && id -u
model: run printf 'made by a run\n' > result.txt && ls -l
model: patch greeting.txt Hello from a run.
model: say I looked around and wrote two files.`

// run submits a run to the release that is live and watches it to its end.
func (l *Lane) run(ctx context.Context, o Options) error {
	fmt.Fprintf(l.Say, "\n=== a run on that release: the real Codex, driven by a model that does what it is told\n\n")
	stop, err := l.ServeModel(ctx, o.Model)
	if err != nil {
		return err
	}
	defer stop()
	agentrun := func(args ...string) error {
		cmd, err := l.Agentrun(ctx, o.Agentrun, args...)
		if err != nil {
			return err
		}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(prompt), l.Say, l.Say
		if err := l.Lab.Run(cmd); err != nil {
			return fmt.Errorf("agentrun %s: %w", args[0], err)
		}
		return nil
	}
	if err := agentrun("submit", "--file", "-", "--watch", "--label", "from=demo"); err != nil {
		return errors.Join(err, l.told(ctx))
	}
	if err := agentrun("list"); err != nil {
		return err
	}
	address, err := l.manager(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(l.Say, "\nsee it in a browser at %s/ui, with the token in %s\n", address, l.secret("token"))
	return nil
}

// Agentrun is a users' command, for the live release's manager and the project demo.
// It is to be run in the lab's network.
func (l *Lane) Agentrun(ctx context.Context, program string, args ...string) (*exec.Cmd, error) {
	token, err := l.token(ctx)
	if err != nil {
		return nil, err
	}
	address, err := l.manager(ctx)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, append(args, "--url", address, "--token-file", token, "--project", "demo")...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Env = append(l.Lab.Env(), "HOME="+os.Getenv("HOME"), "LC_ALL=C.UTF-8")
	return cmd, nil
}

// manager is the address of the live release's manager.
func (l *Lane) manager(ctx context.Context) (string, error) {
	return l.Lab.Kubectl(ctx, "", "-n", l.Names.RuntimeNamespace, "get", "service", "agentrun-mgr", "-o", "jsonpath=http://{.spec.clusterIP}:{.spec.ports[0].port}")
}

// ServeModel starts the program that serves the model, in the lab's network.
func (l *Lane) ServeModel(ctx context.Context, program string) (stop func(), err error) {
	cmd := exec.CommandContext(ctx, program, "--listen", model)
	var words bytes.Buffer
	cmd.Stderr = &words
	if err := l.Lab.Start(cmd); err != nil {
		return nil, fmt.Errorf("starting the model: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-ended
	}
	for range 100 {
		if conn, err := l.Lab.Dial(ctx, "tcp", model); err == nil {
			conn.Close()
			return stop, nil
		}
		select {
		case err := <-ended:
			return nil, fmt.Errorf("the model ended: %w: %s", err, words.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
	stop()
	return nil, errors.New("the model does not listen")
}

// token is a file with a token for the manager's API, made in the manager's own pod
// once.
func (l *Lane) token(ctx context.Context) (string, error) {
	file := l.secret("token")
	_, err := once(file, func() ([]byte, error) {
		out, err := l.Lab.Kubectl(ctx, "", "-n", l.Names.RuntimeNamespace, "exec", "deploy/agentrun-mgr", "--",
			"/agentrun-mgr", "token", "create", "--project", "demo", "--name", "demo")
		return []byte(strings.TrimSpace(out) + "\n"), err
	})
	return file, err
}

// told is what the cluster says of Jobs and of the manager, for when a run does not
// go as it should.
func (l *Lane) told(ctx context.Context) error {
	for _, args := range [][]string{
		{"get", "jobs,pods", "-o", "wide"},
		{"get", "events", "--field-selector", "type=Warning"},
		{"logs", "-l", "app.kubernetes.io/name=agentrun-mgr", "--tail", "20"},
		{"logs", "-l", "agentrun.dev/run", "--all-containers", "--tail", "20"},
	} {
		out, err := l.Lab.Kubectl(ctx, "", append([]string{"-n", l.Names.RuntimeNamespace}, args...)...)
		if err != nil {
			return err
		}
		fmt.Fprintf(l.Say, "\nkubectl %s\n%s", strings.Join(args, " "), out)
	}
	return nil
}

// absolute makes the paths of o absolute.
func (o *Options) absolute() (err error) {
	for _, path := range []*string{&o.Repository, &o.Program, &o.Agentrun, &o.Model, &o.Toolchain} {
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	return nil
}
