package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/metadata"
	"github.com/pikasTech/agentrun/lane/names"
	"github.com/pikasTech/agentrun/lane/promote"
)

func (a *app) holdCommand() *cobra.Command {
	h := holder{recorder: recorder{app: a}}
	cmd := &cobra.Command{
		Use:   "hold",
		Short: "Keep newer releases out, or let them in again",
		Long: `hold shows who holds the lane, why and until when. With --reason it holds the lane
at what is promoted: every other release is refused, also one that is under way,
until --until or until somebody runs lane hold --release. A rollback holds the
lane by itself.

The hold is a file of the lane's metadata on the GitOps branch. A person writes it
from any machine that may push; it builds nothing and promotes nothing, and Argo
CD does not apply it. Look at --dry-run first.`,
		Example: `  lane hold
  lane hold --reason 'the migration runs' --until 2h
  lane hold --release`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			switch {
			case h.release && (h.reason != "" || h.until != ""):
				return usageError("--release goes with neither --reason nor --until")
			case h.until != "" && h.reason == "":
				return usageError("--until needs a --reason")
			}
			src, err := a.source(ctx, "HEAD", "")
			if err != nil {
				return err
			}
			switch {
			case h.release:
				return h.free(ctx, src)
			case h.reason != "":
				return h.hold(ctx, src)
			}
			return h.show(ctx, src)
		},
	}
	cmd.Flags().StringVar(&h.reason, "reason", "", "hold the lane, and `why`")
	cmd.Flags().StringVar(&h.until, "until", "", "`when` the hold ends by itself: 2h, or 2026-01-02T03:04:05Z")
	cmd.Flags().BoolVar(&h.release, "release", false, "take the hold away")
	h.flags(cmd)
	h.to.remoteFlag(cmd)
	return cmd
}

// holder holds a lane, and lets it go.
type holder struct {
	recorder
	reason, until string
	release       bool
}

// holdDocument is what `lane hold -o json` prints.
type holdDocument struct {
	header
	Live bool           `json:"live"`
	Hold *metadata.Hold `json:"hold"` // null when there is none
}

func (h *holder) show(ctx context.Context, src *source) error {
	b, err := h.app.branch(src, &h.to)
	if err != nil {
		return err
	}
	head, err := b.Head(ctx)
	if err != nil {
		return err
	}
	hold, err := head.Hold()
	if err != nil {
		return err
	}
	doc := holdDocument{headerOf("Holding"), hold != nil && hold.Live(b.Now()), hold}
	return h.app.emit(doc, func(w io.Writer) {
		switch {
		case hold == nil:
			fmt.Fprintln(w, "nobody holds the lane")
		case doc.Live:
			fmt.Fprintln(w, hold)
		default:
			fmt.Fprintf(w, "no longer %s\n", hold)
		}
	})
}

func (h *holder) hold(ctx context.Context, src *source) error {
	by, err := src.who(ctx, h.by)
	if err != nil {
		return err
	}
	path := metadata.HoldPath(src.names)
	out, err := h.record(ctx, src, names.Hold, func(head *promote.Head, now time.Time) (map[string][]byte, []string, error) {
		there, err := head.Hold()
		if err != nil {
			return nil, nil, err
		}
		if there != nil && there.Live(now) {
			return nil, nil, &fail.Error{Code: fail.Refused, Where: path, Hint: "take that one away first: lane hold --release", Err: fmt.Errorf("the lane is %s", there)}
		}
		var until time.Time
		if h.until != "" {
			if until, err = within("until", h.until, now); err != nil {
				return nil, nil, err
			}
		}
		data, err := metadata.NewHold(src.names, head.Catalog.SourceCommitID, by, h.reason, now, until).Encode(src.names)
		return map[string][]byte{path: data}, nil, err
	})
	if err != nil {
		return err
	}
	return h.app.emit(outcomeDocument{headerOf("Recording"), out}, func(w io.Writer) {
		writeRecorded(w, out, fmt.Sprintf("held the lane at %.12s", out.Source), "")
	})
}

// free takes away whatever stands in the hold's place.
func (h *holder) free(ctx context.Context, src *source) error {
	out, err := h.record(ctx, src, names.ReleaseHold, func(head *promote.Head, _ time.Time) (map[string][]byte, []string, error) {
		return nil, []string{metadata.HoldPath(src.names)}, nil
	})
	if err != nil {
		return err
	}
	return h.app.emit(outcomeDocument{headerOf("Recording"), out}, func(w io.Writer) {
		writeRecorded(w, out, "released the hold", "nobody holds the lane")
	})
}

// unheld refuses a release of another commit than the promoted one while the lane is
// held, as the promotion would in the end.
func (a *app) unheld(ctx context.Context, src *source) error {
	b, err := a.branch(src, &target{})
	if err != nil {
		return err
	}
	head, err := b.Head(ctx)
	if err != nil {
		return err
	}
	hold, err := head.Hold()
	if err != nil {
		return err
	}
	if hold != nil && hold.Live(b.Now()) && head.Catalog.SourceCommitID != src.commit {
		return fmt.Errorf("releasing %.12s: %w", src.commit, hold.Refusal(b.Remote.String()+" "+src.names.GitopsRef()))
	}
	return nil
}
