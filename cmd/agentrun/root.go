package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/agentrun/client"
	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/internal/plain"
)

// app is what every verb is given: the streams and the flags that all share.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	printed        bool   // whether the output has its document
	format         string // -o
	flags          config // --url, --token-file and --project
}

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
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

// report tells one error: what was being done, why, and one hint. With -o json it
// is also the output's document, unless there is one already.
func (a *app) report(cmd *cobra.Command, code fail.Code, err error) {
	text, hint := err.Error(), fail.HintOf(err)
	problem, refused := errors.AsType[*client.Problem](err)
	switch {
	case code == fail.Interrupted && hint == "":
		text, hint = "interrupted", "run the same command again"
	case code == fail.Interrupted:
		text = "interrupted"
	case code == fail.Usage && hint == "":
		hint = "see " + cmd.CommandPath() + " --help"
	case refused && hint == "":
		hint = hintOf(problem)
	}
	doc := errorDocument{ExitCode: int(code), Message: text, Hint: hint}
	if refused {
		doc.Code = problem.Code
	}
	fmt.Fprintf(a.stderr, "%s: %s\n", cmd.CommandPath(), plain.Text(text))
	if hint != "" {
		fmt.Fprintf(a.stderr, "hint: %s\n", hint)
	}
	if a.json() && !a.printed {
		_ = a.emit(map[string]any{"error": doc}, nil) // the exit code has told it
	}
}

// errorDocument is what every verb prints with -o json, as "error", when it has
// nothing else to print.
type errorDocument struct {
	ExitCode int    `json:"exitCode"`
	Code     string `json:"code,omitempty"` // the manager's word
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "agentrun",
		Short: "Submit prompts to AgentRun and see what comes of them",
		Long: `agentrun speaks to an AgentRun manager: it submits a prompt, watches the run live,
cancels or repeats it, and fetches its result and files.

It needs the manager's address and an API token. What is said later wins:

  the file ~/.config/agentrun/config.json
           {"url": "https://agentrun.example", "tokenFile": "/path", "project": "shop"}
  the environment
           AGENTRUN_URL, AGENTRUN_TOKEN, AGENTRUN_PROJECT
  flags    --url, --token-file, --project

A project is needed with tokens for administration alone.

Exit codes: 0 ok, 1 failed, 2 usage, 3 the run ended without success,
130 interrupted.`,
		Example: `  agentrun submit --watch "Mend the failing test in money/."
  agentrun list --state running
  agentrun watch RUN
  agentrun artifacts RUN diff.patch --out -`,
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
	flags.StringVarP(&a.format, "output", "o", "text", "output `format`: text or json")
	flags.StringVar(&a.flags.URL, "url", "", "the manager's `address`")
	flags.StringVar(&a.flags.TokenFile, "token-file", "", "`file` that holds the API token")
	flags.StringVar(&a.flags.Project, "project", "", "the `project` that is meant, with a token for administration")
	completeWords(root, "output", "text", "json")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if a.format != "text" && a.format != "json" {
			return usageError("-o %s: the format is text or json", a.format)
		}
		return nil
	}
	root.AddCommand(
		a.submitCommand(), a.listCommand(), a.showCommand(), a.watchCommand(), a.cancelCommand(), a.retryCommand(),
		a.resultCommand(), a.artifactsCommand(), a.profilesCommand(), a.projectCommand(), a.tokenCommand(),
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
		path := cmd.CommandPath() + " "
		err.Hint = "did you mean " + path + strings.Join(like, ", "+path) + "?"
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
	return a.print(plain.JSON(data))
}

// print writes the output. One that is cut short would pass for the whole.
func (a *app) print(data []byte) error {
	a.printed = true
	if _, err := a.stdout.Write(data); err != nil {
		return fail.Fail("standard output", "give it room, and run it again", "writing the output: %w", err)
	}
	return nil
}

// note says something to a person, beside the output.
func (a *app) note(format string, args ...any) {
	fmt.Fprintln(a.stderr, plain.Text(fmt.Sprintf(format, args...)))
}
