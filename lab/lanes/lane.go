package lanes

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/pikasTech/agentrun/lab/cluster"
)

// Lane is an opened lane.
type Lane struct {
	Lab     *cluster.Lab
	Program string // the lane command
	Clone   string // a work tree of the source, on the source branch
	Names   Names
	Say     io.Writer // what the commands print
}

// Names are those of `lane names -o json` that are needed here.
type Names struct {
	Project          string `json:"project"`
	Lane             string `json:"lane"`
	SourceBranch     string `json:"sourceBranch"`
	GitopsBranch     string `json:"gitopsBranch"`
	ArtifactCatalog  string `json:"artifactCatalog"`
	RuntimePath      string `json:"runtimePath"`
	RuntimeNamespace string `json:"runtimeNamespace"`
	SourceWorktree   string `json:"sourceWorktree"`
	TektonNamespace  string `json:"tektonNamespace"`
	Pipeline         string `json:"pipeline"`
	ArgoNamespace    string `json:"argoNamespace"`
	ArgoAppProject   string `json:"argoAppProject"`
	ArgoApplication  string `json:"argoApplication"`
	Database         string `json:"database"`
}

// Run runs the lane command on the clone, in the lab's network, and shows what it
// says.
func (l *Lane) Run(ctx context.Context, args ...string) error {
	cmd := l.Command(ctx, args...)
	cmd.Stdout, cmd.Stderr = l.Say, l.Say
	if err := l.Lab.Run(cmd); err != nil {
		return fmt.Errorf("lane %s: %w", args[0], err)
	}
	return nil
}

// Output is Run for what is read and not shown. The error holds what the command
// said; the output is there with an error too.
func (l *Lane) Output(ctx context.Context, args ...string) ([]byte, error) {
	cmd := l.Command(ctx, args...)
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := l.Lab.Run(cmd); err != nil {
		return out.Bytes(), fmt.Errorf("lane %s: %w\n%s", strings.Join(args, " "), err, words.String())
	}
	return out.Bytes(), nil
}

// Command is a lane command that Lab.Run has not run yet.
func (l *Lane) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, l.Program, append([]string{"-C", l.Clone, "--cache", filepath.Join(l.Lab.Dir, "lanes", "cache")}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Env = l.environment()
	return cmd
}

// names asks for the names of the lane that a repository's intent is of.
func (l *Lane) names(ctx context.Context, repository string) error {
	l.Clone = repository
	out, err := l.Output(ctx, "names", "-o", "json")
	if err != nil {
		return err
	}
	return json.Unmarshal(out, &l.Names)
}

// environment is the lab's, with what git signs in with: a file, so that no
// password stands on a command line.
func (l *Lane) environment() []string {
	return append(l.Lab.Env(),
		"HOME="+os.Getenv("HOME"), "LC_ALL=C.UTF-8",
		"GIT_CONFIG_COUNT=3",
		"GIT_CONFIG_KEY_0=credential.helper", "GIT_CONFIG_VALUE_0=store --file="+l.secret("git-credentials"),
		"GIT_CONFIG_KEY_1=user.name", "GIT_CONFIG_VALUE_1=lab",
		"GIT_CONFIG_KEY_2=user.email", "GIT_CONFIG_VALUE_2=lab@localhost",
	)
}

// credentials writes that file.
func (l *Lane) credentials() error {
	password, err := os.ReadFile(l.Lab.GitPasswordFile())
	if err != nil {
		return err
	}
	line := fmt.Sprintf("http://%s:%s@%s\n", cluster.GitUser, strings.TrimSpace(string(password)), cluster.Git)
	return os.WriteFile(l.secret("git-credentials"), []byte(line), 0o600)
}

// Git runs git in the clone and returns what it prints.
func (l *Lane) Git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env = l.Clone, l.environment()
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := l.Lab.Run(cmd); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(words.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// Commit commits everything in the clone and pushes it to the source branch. It
// returns the commit's full id.
func (l *Lane) Commit(ctx context.Context, message string) (string, error) {
	for _, args := range [][]string{
		{"add", "-A"},
		{"commit", "-q", "--allow-empty", "-m", message},
		{"push", "-q", "origin", "HEAD:refs/heads/" + l.Names.SourceBranch},
	} {
		if _, err := l.Git(ctx, args...); err != nil {
			return "", err
		}
	}
	return l.Git(ctx, "rev-parse", "HEAD")
}
