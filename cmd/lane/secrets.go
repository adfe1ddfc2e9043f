package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/kube"
	"github.com/pikasTech/agentrun/lane/promote"
	"github.com/pikasTech/agentrun/lane/secrets"
)

func (a *app) secretsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secrets",
		Short: "Make, change and check the lane's Secrets, straight in the cluster",
		Long: `secrets puts values straight into the cluster: they never pass through git, a
manifest or a command line. Names and keys are those that deploy/deploy.json
declares (docs/reference/secret-distribution.md).`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	create := &cobra.Command{
		Use:   "create",
		Short: "Make a Secret, or make it again with new values",
		Long: `create makes one of the lane's Secrets, by server-side apply. Values come from
files, or from the standard input as "-", never from the command line, and nothing
prints them. --dry-run tells names and keys alone.`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	create.AddCommand(a.secretKinds(false)...)
	cmd.AddCommand(create, a.secretsRotate(), a.secretsCheck())
	return cmd
}

// secretKinds are the commands that make a Secret, or give one that is there new
// values.
func (a *app) secretKinds(rotate bool) []*cobra.Command {
	var all []*cobra.Command
	for _, make := range []func(w *secretWriter) *cobra.Command{a.secretsPostgres, a.secretsCodex, a.secretsGit, a.secretsSigning, a.secretsWebhook} {
		w := &secretWriter{app: a, rotate: rotate}
		cmd := make(w)
		w.verb = cmd.Name()
		if rotate {
			cmd.Example = strings.ReplaceAll(cmd.Example, "secrets create", "secrets rotate")
		}
		w.flags(cmd)
		all = append(all, cmd)
	}
	return all
}

// secretWriter is what the commands that make a Secret share.
type secretWriter struct {
	app             *app
	to              cluster
	commit          string
	dryRun          bool
	createNamespace bool
	force           bool
	rotate          bool   // the Secret is there already
	verb            string // what it is: postgres, codex, git, signing or webhook
}

func (w *secretWriter) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&w.commit, "commit", "HEAD", "the source `commit` whose intent counts")
	cmd.Flags().BoolVar(&w.dryRun, "dry-run", false, "do everything but keep the Secret")
	if !w.rotate {
		cmd.Flags().BoolVar(&w.createNamespace, "create-namespace", false, "make the namespace too, when it is missing")
	}
	cmd.Flags().BoolVar(&w.force, "force", false, "take the keys over from whoever else wrote them")
	w.to.flags(cmd)
}

func (a *app) secretsPostgres(w *secretWriter) *cobra.Command {
	var p secrets.Postgres
	var passwordFile string
	cmd := &cobra.Command{
		Use:   "postgres",
		Short: "The database's URL, put together from its parts",
		Long: `postgres puts DATABASE_URL together, every part URL-encoded, reads it back and
compares each part. The Secret is the one that the intent declares with that key.`,
		Example: `  lane secrets create postgres --host db.example --user agentrun --password-file - < password`,
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed(cmd, "host", "user", "password-file"); err != nil {
				return err
			}
			src, err := a.source(cmd.Context(), w.commit, "")
			if err != nil {
				return err
			}
			if p.Password, err = readLine(cmd, passwordFile); err != nil {
				return err
			}
			s, err := p.Secret(src.intent, src.names)
			if err != nil {
				return err
			}
			if w.rotate {
				if p.Database == "" {
					p.Database = src.names.Database
				}
				if err := w.works(cmd.Context(), s, p.Database); err != nil {
					return err
				}
			}
			return w.write(cmd.Context(), src, s, runtimeHint)
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.Host, "host", "", "host `name` or address, as the lane's pods reach it")
	f.IntVar(&p.Port, "port", 0, "`port` (default 5432)")
	f.StringVar(&p.User, "user", "", "the `role` that signs in")
	f.StringVar(&passwordFile, "password-file", "", "the `file` with the password, - for the standard input")
	f.StringVar(&p.Database, "database", "", "the database's `name` (default: the lane's own, such as agentrun_v01)")
	f.StringVar(&p.SSLMode, "sslmode", "", "`mode`: "+strings.Join(secrets.SSLModes, ", "))
	completeWords(cmd, "sslmode", secrets.SSLModes...)
	return cmd
}

func (a *app) secretsCodex(w *secretWriter) *cobra.Command {
	var authFile, configFile string
	cmd := &cobra.Command{
		Use:     "codex",
		Short:   "What Codex signs in with and how it is set up",
		Long:    `codex takes the two files as Codex itself writes them, when they can be used.`,
		Example: `  lane secrets create codex --auth-json ~/.codex/auth.json --config-toml ~/.codex/config.toml`,
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed(cmd, "auth-json", "config-toml"); err != nil {
				return err
			}
			src, err := a.source(cmd.Context(), w.commit, "")
			if err != nil {
				return err
			}
			auth, config, err := readBoth(cmd, authFile, configFile)
			if err != nil {
				return err
			}
			s, err := secrets.Codex(src.intent, src.names, auth, config)
			if err != nil {
				return err
			}
			return w.write(cmd.Context(), src, s, runtimeHint)
		},
	}
	cmd.Flags().StringVar(&authFile, "auth-json", "", "Codex' auth.json, a `file` or -")
	cmd.Flags().StringVar(&configFile, "config-toml", "", "Codex' config.toml, a `file` or -")
	return cmd
}

func (a *app) secretsGit(w *secretWriter) *cobra.Command {
	var user, passwordFile, keyFile, hostsFile string
	cmd := &cobra.Command{
		Use:   "git",
		Short: "What the pipeline signs in to git with",
		Long: `git makes the Secret that the pipeline's git uses: a user and a password (or
token) for a repository that is reached over HTTP, a key and known_hosts for one
over SSH.`,
		Example: `  lane secrets create git --username lane --password-file token
  lane secrets create git --ssh-key id_ed25519 --known-hosts known_hosts`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			over := "http"
			if cmd.Flags().Changed("ssh-key") || cmd.Flags().Changed("known-hosts") {
				over = "ssh"
			}
			if over == "ssh" && (user != "" || passwordFile != "") {
				return usageError("either --username and --password-file, or --ssh-key and --known-hosts")
			}
			if err := needed(cmd, map[string][]string{"http": {"username", "password-file"}, "ssh": {"ssh-key", "known-hosts"}}[over]...); err != nil {
				return err
			}
			src, err := a.source(cmd.Context(), w.commit, "")
			if err != nil {
				return err
			}
			var s *secrets.Secret
			if over == "http" {
				password, err := readLine(cmd, passwordFile)
				if err != nil {
					return err
				}
				s, err = secrets.GitPassword(src.intent, src.names, user, password)
				if err != nil {
					return err
				}
			} else {
				key, hosts, err := readBoth(cmd, keyFile, hostsFile)
				if err != nil {
					return err
				}
				if s, err = secrets.GitSSH(src.intent, src.names, key, hosts); err != nil {
					return err
				}
			}
			return w.write(cmd.Context(), src, s, tektonHint)
		},
	}
	f := cmd.Flags()
	f.StringVar(&user, "username", "", "the `user` that signs in over HTTP")
	f.StringVar(&passwordFile, "password-file", "", "the `file` with the password or token, - for the standard input")
	f.StringVar(&keyFile, "ssh-key", "", "the private key, a `file` or -")
	f.StringVar(&hostsFile, "known-hosts", "", "the host's public keys, a `file` or -")
	return cmd
}

func (a *app) secretsSigning(w *secretWriter) *cobra.Command {
	var keyFile string
	cmd := &cobra.Command{
		Use:   "signing",
		Short: "The key that signs promotions",
		Long: `signing makes the Secret with the key that the promote task signs its commits
with. Its public half must be one of ci.signers in deploy/deploy.json.`,
		Example: `  lane secrets create signing --key id_ed25519`,
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needed(cmd, "key"); err != nil {
				return err
			}
			src, err := a.source(cmd.Context(), w.commit, "")
			if err != nil {
				return err
			}
			key, err := readValue(cmd, keyFile)
			if err != nil {
				return err
			}
			s, err := secrets.Signing(src.names, key)
			if err != nil {
				return err
			}
			if _, err := promote.NewSigner(keyFile, key, src.intent.CI.Signers); err != nil {
				return err
			}
			return w.write(cmd.Context(), src, s, tektonHint)
		},
	}
	cmd.Flags().StringVar(&keyFile, "key", "", "the private key, a `file` or -")
	return cmd
}

// How the namespaces get there.
const (
	runtimeHint = "let Argo CD sync the lane first, which makes the namespace (lane objects argo), or add --create-namespace"
	tektonHint  = "lane objects tekton | kubectl apply --server-side --field-manager=" + kube.Manager + " -f -, or add --create-namespace"
)

// write applies the Secret. No error of the server gets through that quotes a value.
func (w *secretWriter) write(ctx context.Context, src *source, s *secrets.Secret, namespaceHint string) error {
	c, err := w.to.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	how := kube.Write{DryRun: w.dryRun}
	if w.createNamespace {
		ns := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": s.Namespace}}}
		if _, err := c.Apply(ctx, namespaces, ns, how); err != nil {
			return fmt.Errorf("making the namespace: %w", err)
		}
	}
	obj := s.Object()
	if w.rotate {
		if err := w.replaces(ctx, c, obj); err != nil {
			return err
		}
	}
	var again *restart
	if w.rotate {
		if again, err = w.prepareRestart(ctx, src, c, s); err != nil {
			return err
		}
	}
	how.Force = w.force
	_, err = c.Apply(ctx, secretObjects, obj, how)
	switch {
	case err == nil, w.dryRun && w.createNamespace && kube.IsNotFound(err):
	case kube.IsNotFound(err):
		return &fail.Error{Code: fail.Failed, Hint: namespaceHint, Err: fmt.Errorf("making the Secret: %w", err)}
	case kube.IsConflict(err) && !s.Reveals(err.Error()):
		return &fail.Error{Code: fail.Failed, Hint: "find out who that is; to take the keys over, add --force", Err: fmt.Errorf("making the Secret: %w", err)}
	case s.Reveals(err.Error()):
		return fail.Fail(fmt.Sprintf("Secret %s/%s", s.Namespace, s.Name), "see the API server's log, or who answers for it: an admission webhook, say",
			"the cluster refuses it with an answer that is not shown, because it quotes a value")
	default:
		return fmt.Errorf("making the Secret: %w", err)
	}
	doc := secretDocument{header: headerOf("SecretWritten"), SourceCommitID: src.commit, Namespace: s.Namespace, Name: s.Name, Keys: s.Keys(), DryRun: w.dryRun}
	var failed error
	if again != nil {
		doc.Restart, failed = again.begin(ctx)
	}
	if err := w.app.emit(doc, func(out io.Writer) { writeSecret(out, &doc) }); err != nil {
		return err
	}
	if doc.Restart != nil && !w.dryRun {
		w.app.note("follow it with %s", again.comeBack())
	}
	return failed
}

// secretDocument is what `lane secrets create -o json` prints.
type secretDocument struct {
	header
	SourceCommitID string           `json:"sourceCommitId"`
	Namespace      string           `json:"namespace"`
	Name           string           `json:"name"`
	Keys           []string         `json:"keys"`
	Restart        *restartDocument `json:"restart,omitempty"` // of services that go on with the old values until their pods are replaced
	DryRun         bool             `json:"dryRun,omitzero"`
}

func writeSecret(w io.Writer, doc *secretDocument) {
	verb := "applied"
	if doc.DryRun {
		verb = "would apply"
	}
	fmt.Fprintf(w, "%s Secret %s/%s with %s\n", verb, doc.Namespace, doc.Name, strings.Join(doc.Keys, " and "))
	if r := doc.Restart; r != nil {
		does := "replaces"
		if doc.DryRun {
			does = "would replace"
		}
		fmt.Fprintf(w, "%s %s the pods of %s, which read it when they start\n", r.PipelineRun, does, strings.Join(r.Services, " and "))
	}
}

// needed refuses a command line without all of the flags.
func needed(cmd *cobra.Command, flags ...string) error {
	for _, f := range flags {
		if cmd.Flags().Lookup(f).Value.String() == "" {
			return usageError("--%s is needed", strings.Join(flags, ", --"))
		}
	}
	return nil
}

// maxValue bounds a file with a value.
const maxValue = 1 << 20

// readValue reads a value from a file, or from the standard input.
func readValue(cmd *cobra.Command, name string) ([]byte, error) {
	in, where := cmd.InOrStdin(), "the standard input"
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, &fail.Error{Code: fail.Usage, Where: name, Hint: "name a file that this user can read, or - for the standard input", Err: fmt.Errorf("reading a value: %w", cause(err))}
		}
		defer f.Close()
		in, where = f, name
	}
	data, err := io.ReadAll(io.LimitReader(in, maxValue+1))
	switch {
	case err != nil:
		return nil, fail.Fail(where, "name a regular file", "reading a value: %w", cause(err))
	case len(data) > maxValue:
		return nil, fail.Fail(where, "name the file with the value alone", "it has more than 1 MiB")
	case len(data) == 0:
		return nil, &fail.Error{Code: fail.Usage, Where: where, Hint: "put the value into it", Err: errors.New("it is empty")}
	}
	return data, nil
}

// readLine reads a value of one line, without its end.
func readLine(cmd *cobra.Command, name string) ([]byte, error) {
	data, err := readValue(cmd, name)
	if err != nil {
		return nil, err
	}
	data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	if bytes.ContainsAny(data, "\r\n") {
		return nil, usageError("%s: it has more than one line", name)
	}
	return data, nil
}

// readBoth reads two values, of which one may come from the standard input.
func readBoth(cmd *cobra.Command, one, two string) (a, b []byte, err error) {
	if one == "-" && two == "-" {
		return nil, nil, usageError("only one of the two can be the standard input")
	}
	if a, err = readValue(cmd, one); err != nil {
		return nil, nil, err
	}
	b, err = readValue(cmd, two)
	return a, b, err
}
