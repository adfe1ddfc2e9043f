package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/agentrun/run"
	"github.com/pikasTech/agentrun/internal/fail"
)

func (a *app) submitCommand() *cobra.Command {
	var req run.Request
	var file, key string
	var labels []string
	var watch bool
	cmd := &cobra.Command{
		Use:   "submit [PROMPT]",
		Short: "Submit a prompt; print the run's id",
		Long: `submit queues a run and prints its id. The prompt is the argument, or the content
of --file, or what comes on standard input.

Submitting is safe to repeat: with the same --idempotency-key and the same request
there is one run. Without the flag, the command takes a new key and uses it for
its own tries alone.`,
		Example: `  agentrun submit "Mend the failing test in money/."
  agentrun submit --file task.md --profile fast --label ticket=1234 --watch
  git diff | agentrun submit --idempotency-key review-$COMMIT`,
		Args: usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if req.Prompt, err = a.prompt(args, file); err != nil {
				return err
			}
			if req.Labels, err = parseLabels(labels); err != nil {
				return err
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			made, err := c.Submit(cmd.Context(), req, key)
			if err != nil {
				return err
			}
			return a.made(cmd, c, made, watch)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&file, "file", "f", "", "`file` with the prompt; - is standard input")
	flags.StringVar(&req.Profile, "profile", "", "`name` of the way to run (default: default)")
	flags.StringArrayVarP(&labels, "label", "l", nil, "a `key=value` to find the run by; may be repeated")
	flags.IntVar(&req.Priority, "priority", 0, "-100 to 100; the higher goes first")
	flags.IntVar(&req.MaxAttempts, "max-attempts", 0, "how often it is tried when the cluster or the provider fails (default: the profile's)")
	flags.IntVar(&req.Deadline, "deadline", 0, "`seconds` that each attempt may take (default: the profile's)")
	flags.StringVar(&key, "idempotency-key", "", "up to 128 plain characters that stand for this request")
	flags.BoolVarP(&watch, "watch", "w", false, "watch the run to its end")
	completeBy(cmd, "profile", a.completeProfile)
	for _, f := range []string{"label", "priority", "max-attempts", "deadline", "idempotency-key"} {
		completeWords(cmd, f)
	}
	return cmd
}

// prompt is the text to submit, whole or not at all.
func (a *app) prompt(args []string, file string) (string, error) {
	var text string
	switch {
	case len(args) == 1 && file != "":
		return "", usageError("the prompt is given twice, as an argument and by --file")
	case len(args) == 1:
		text = args[0]
	default:
		in, err := a.promptReader(file)
		if err != nil {
			return "", err
		}
		defer in.Close()
		data, err := io.ReadAll(io.LimitReader(in, run.MaxPromptBytes+1))
		if err != nil {
			return "", fail.Fail("the prompt", "give a file that can be read", "reading it: %w", err)
		}
		text = string(data)
	}
	switch {
	case len(text) > run.MaxPromptBytes:
		return "", usageError("the prompt has more than %d bytes", run.MaxPromptBytes)
	case !utf8.ValidString(text):
		return "", usageError("the prompt is not UTF-8")
	case strings.TrimSpace(text) == "":
		return "", usageError("the prompt is blank")
	}
	return text, nil
}

func (a *app) promptReader(file string) (io.ReadCloser, error) {
	switch {
	case file == "" && isInputTerminal(a.stdin):
		return nil, &fail.Error{Code: fail.Usage, Err: errors.New("there is no prompt"), Hint: `write agentrun submit "…", or --file FILE, or pipe it in`}
	case file == "" || file == "-":
		return io.NopCloser(a.stdin), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, &fail.Error{Code: fail.Usage, Err: fmt.Errorf("reading the prompt: %w", err), Hint: "name a file that can be read"}
	}
	return f, nil
}

func parseLabels(pairs []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, p := range pairs {
		k, v, ok := strings.Cut(p, "=")
		if !ok || k == "" {
			return nil, usageError("--label %s: a label is key=value", p)
		}
		if _, twice := labels[k]; twice {
			return nil, usageError("--label %s: %s has a value already", p, k)
		}
		labels[k] = v
	}
	return labels, nil
}
