package main

import (
	"context"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/git"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/internal/registry"
	"github.com/pikasTech/agentrun/lane/pipeline"
	"github.com/pikasTech/agentrun/lane/verify"
	"github.com/pikasTech/agentrun/lane/verify/observe"
)

func (a *app) verifyCommand() *cobra.Command {
	l := looker{verifier: verifier{app: a}}
	var s seal
	var follow bool
	cmd := &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Judge whether what runs is the lane's release",
		Long: `verify looks at the live namespace, Argo CD, the GitOps branch, Tekton and the
source worktree, in this order, and judges each rule of acceptance: matched,
contradicted, or unknown when what it needs could not be seen. It writes nothing.

A lane is accepted when no rule is contradicted or unknown. The worktree can only
be seen on the cluster's host; --skip worktree leaves it out, and the verdict says
so. The intent of HEAD says where everything is: what --worktree, --registry or
--remote names elsewhere is looked at, but it is no evidence, and the verdict says
that too (rule I9).

With --offline the cluster is not asked: the verdict has what Git and the registry
can prove, and all else is unknown.

With --watch it looks again whenever the Application, a pod or a run has changed, and
ends when the lane is accepted or what speaks against it will not go away by itself:
no run is under way, and no rollout, or nothing has changed for two minutes.

With --sign the output is a DSSE envelope around an in-toto statement: the verdict,
about the released commit and the head of the GitOps branch. --check-signature says
whether one of some keys signed such a file, and tells the verdict in it; nothing
else is looked at.

Exit code 3 means that the lane is not accepted.`,
		Example: `  lane verify
  lane verify --skip worktree -o json
  lane verify --kubeconfig /etc/rancher/k3s/k3s.yaml
  lane verify --sign key > verdict.json
  lane verify --check-signature key.pub verdict.json`,
		Args: s.args,
		RunE: func(cmd *cobra.Command, args []string) error {
			if follow && (l.offline || s.check != "") {
				return usageError("--watch asks a cluster: leave --offline and --check-signature out")
			}
			if s.check != "" {
				return s.read(cmd.Context(), a, args[0])
			}
			look := l.look
			if follow {
				look = l.watch
			}
			return look(cmd.Context(), func(ctx context.Context, _ *source, e verify.Evidence) error { return s.tell(ctx, &l, e) })
		},
	}
	l.flags(cmd)
	s.flags(cmd)
	cmd.Flags().BoolVar(&follow, "watch", false, "follow a release until it is accepted, or contradicted for good")
	return cmd
}

// verifier gathers evidence and judges it.
type verifier struct {
	app      *app
	to       target
	skip     bool
	offline  bool
	worktree string
}

// tell prints the verdict. Its error says that the lane is not accepted.
func (v *verifier) tell(e verify.Evidence) error {
	verdict := judged{verify.Judge(e)}
	if err := v.app.emit(verdict.Verdict, verdict.write); err != nil {
		return err
	}
	return verdict.refusal()
}

// judged is a verdict that the command tells.
type judged struct{ verify.Verdict }

func (v judged) write(w io.Writer) { _ = v.Text(w) } // w is memory

// evidence asks everybody. A cluster that cannot be reached is part of it.
func (v *verifier) evidence(ctx context.Context, src *source, client *kube.Client, noClient error) (verify.Evidence, error) {
	return v.observe(ctx, src, client, noClient, (*observe.Observer).Observe)
}

// glance asks for what a status shows.
func (v *verifier) glance(ctx context.Context, src *source, client *kube.Client, noClient error) (verify.Evidence, error) {
	return v.observe(ctx, src, client, noClient, (*observe.Observer).Glance)
}

// observe looks, knowing whom to ask. Nearly all that is read stays until the command
// ends, so collecting garbage as often as usual would be a tenth of a verdict on a large
// lane.
func (v *verifier) observe(ctx context.Context, src *source, client *kube.Client, noClient error, look func(*observe.Observer, context.Context) (verify.Evidence, error)) (verify.Evidence, error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	b, err := v.app.branch(src, &v.to)
	if err != nil {
		return verify.Evidence{}, err
	}
	looked, err := v.app.cachePath("gitops.memo")
	if err != nil {
		return verify.Evidence{}, err
	}
	steady, err := v.app.cachePath("status.memo")
	if err != nil {
		return verify.Evidence{}, err
	}
	images := registry.New(src.intent.Registry.Insecure)
	defer images.Close()
	images.Tries = 2 // who verifies wants to know how it is, not to wait until it is better
	h := &history{app: v.app, src: src, remote: b.Remote, ref: src.names.SourceRef()}
	defer h.close()
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	o := observe.Observer{
		Names: src.names, Intent: src.intent, Commit: src.commit, Kube: client, NoKube: noClient,
		Registry: images, Address: v.to.registryOf(src.intent), Branch: b, Repo: src.repo, Memo: looked, Steady: steady, Program: thisBuild(),
		Ancestor: h.isAncestor,
		Check: func(ctx context.Context, commit string) (fail.Findings, error) {
			return v.app.findings(ctx, src.repo, commit)
		},
		Tekton: func(ctx context.Context, commit string) ([]pipeline.Object, error) {
			if commit == src.commit {
				return v.app.objects(ctx, src, "tekton")
			}
			released, err := v.app.sourceAt(ctx, src.repo, commit)
			if err != nil {
				return nil, err
			}
			return v.app.objects(ctx, released, "tekton")
		},
		Host: host, Worktree: v.worktree, Skip: v.skip, Offline: v.offline, Now: time.Now,
	}
	for _, flag := range []struct{ name, value string }{{"--registry", v.to.registry}, {"--remote", v.to.remote}} {
		if flag.value != "" {
			o.Clues = append(o.Clues, flag.name+" "+fail.Redact(flag.value)+" is not where the lane's own is")
		}
	}
	return look(&o, ctx)
}

// thisBuild tells this program from every other build of it; "" when it cannot be told.
// Where a build leaves no id, or all builds have one date, the rest has to do.
func thisBuild() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	id := []byte(nil)
	if program, err := elf.Open(path); err == nil {
		defer program.Close()
		if note := program.Section(".note.go.buildid"); note != nil {
			id, _ = note.Data() // nothing, then
		}
	}
	return fmt.Sprintf("%s of %d bytes, made %s, %x", path, info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano), id)
}

// sourceAt is another commit of a source that is open already.
func (a *app) sourceAt(ctx context.Context, repo *git.Repo, commit string) (*source, error) {
	in, err := intentAt(ctx, repo, commit)
	if err != nil {
		return nil, err
	}
	n, err := in.Names()
	return &source{repo: repo, commit: commit, intent: in, names: n}, err
}
