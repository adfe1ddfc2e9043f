package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

// app is what every verb is given: the streams and the flags that all share.
type app struct {
	stdout, stderr io.Writer
	printed        bool   // whether the output has its document
	dir            string // -C
	format         string // -o
	cache          string // --cache
}

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return int(fail.OK)
	}
	code := fail.CodeOf(err)
	if ctx.Err() != nil {
		code = fail.Interrupted
	}
	a.report(cmd, code, err)
	return int(code)
}

// report tells one error: what was being done, where, why, and one hint. With
// -o json it is also the output's document, unless there is one already.
func (a *app) report(cmd *cobra.Command, code fail.Code, err error) {
	text, hint := err.Error(), fail.HintOf(err)
	switch {
	case code == fail.Interrupted:
		text, hint = "interrupted", "run the same command again to go on"
	case code == fail.Usage && hint == "":
		hint = "see " + cmd.CommandPath() + " --help"
	}
	fmt.Fprintf(a.stderr, "%s: %s\n", cmd.CommandPath(), text)
	if hint != "" {
		fmt.Fprintf(a.stderr, "hint: %s\n", hint)
	}
	if a.json() && !a.printed {
		doc := errorDocument{headerOf("Error"), int(code), fail.RuleOf(err), text, hint}
		if data, err := canon.Marshal(doc); err == nil {
			_ = a.print(data) // the exit code has told it
		}
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "lane",
		Short: "Release a project by version lanes",
		Long: `lane carries one commit through a version lane:

  check → plan → publish → catalog → render → promote

deploy/deploy.json says what should run. A plan decides which services a commit
changes, publish builds those and proves their digests, and promote puts the
catalog and the manifests on the lane's GitOps branch in one commit.

Exit codes: 0 ok, 1 failed, 2 usage, 3 differences found, 4 refused by a rule,
5 stale or superseded, 130 interrupted.`,
		Example: `  lane rehearse                   the whole way, on this machine, touching nothing real
  lane names                      every name of the lane
  lane check                      the commit against the rules
  lane plan --explain agentrun-mgr`,
		Args:              knownVerb,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &fail.Error{Code: fail.Usage, Err: err} })
	flags := root.PersistentFlags()
	flags.StringVarP(&a.dir, "chdir", "C", ".", "source repository `dir`ectory")
	flags.StringVarP(&a.format, "output", "o", "text", "output `format`: text or json")
	flags.StringVar(&a.cache, "cache", "", "cache `dir`ectory (default: the user's cache folder)")
	completeWords(root, "output", "text", "json")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if a.format != "text" && a.format != "json" {
			return usageError("-o %s: the format is text or json", a.format)
		}
		return nil
	}
	root.AddCommand(
		a.namesCommand(), a.schemaCommand(), a.checkCommand(), a.planCommand(), a.publishCommand(),
		a.renderCommand(), a.diffCommand(), a.initCommand(), a.promoteCommand(), a.objectsCommand(), a.rehearseCommand(),
		a.releaseCommand(), a.secretsCommand(), a.verifyCommand(), a.statusCommand(), a.reportCommand(),
		a.rollbackCommand(), a.holdCommand(), a.hotfixCommand(),
		a.openCommand(), a.retireCommand(), a.gcCommand(),
	)
	return root
}

// knownVerb refuses a verb that does not exist, with those that are written almost
// like it.
func knownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := &fail.Error{Code: fail.Usage, Err: fmt.Errorf("unknown command '%s'", args[0])}
	cmd.SuggestionsMinimumDistance = 2
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		err.Hint = "did you mean lane " + strings.Join(like, ", lane ") + "?"
	}
	return err
}

// usage turns an argument check's error into a usage error.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &fail.Error{Code: fail.Usage, Err: errors.New(strings.ReplaceAll(err.Error(), `"`, "'"))}
		}
		return nil
	}
}

func usageError(format string, args ...any) error {
	return &fail.Error{Code: fail.Usage, Err: fmt.Errorf(format, args...)}
}

// completeWords offers fixed words for a flag; the flag exists by construction.
func completeWords(cmd *cobra.Command, flag string, words ...string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err)
	}
}

func (a *app) json() bool { return a.format == "json" }

// emit prints one document: canonical JSON, or text.
func (a *app) emit(doc any, text func(w io.Writer)) error {
	if !a.json() {
		var b bytes.Buffer
		text(&b)
		return a.print(b.Bytes())
	}
	data, err := canon.Marshal(doc)
	if err != nil {
		return err
	}
	return a.print(data)
}

// print writes the output. One that is cut short would pass for the whole.
func (a *app) print(data []byte) error {
	a.printed = true
	if _, err := a.stdout.Write(data); err != nil {
		return fail.Fail("standard output", "give it room, and run it again", "writing the output: %w", cause(err))
	}
	return nil
}

// note says something to a person, beside the output.
func (a *app) note(format string, args ...any) { fmt.Fprintf(a.stderr, format+"\n", args...) }
