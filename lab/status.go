package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/pikasTech/agentrun/lab/cluster"
)

func statusCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how each component is; exit code 3 when one is not ready",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := open()
			if err != nil {
				return err
			}
			status, err := l.Status(cmd.Context())
			if err != nil {
				return err
			}
			switch output {
			case "json":
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				err = encoder.Encode(status)
			case "text":
				err = printStatus(cmd.OutOrStdout(), status)
			default:
				return usageError{fmt.Errorf("-o is text or json, not %q", output)}
			}
			if err == nil && !status.Ready {
				return errNotReady
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

func printStatus(to io.Writer, s cluster.Status) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "COMPONENT\tPID\tSTATE\tMEMORY\tLOG\n")
	for _, c := range s.Components {
		state := "ready"
		switch {
		case !c.Alive:
			state = "down"
		case !c.Ready:
			state = "not ready"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%d MB\t%s\n", c.Name, c.Pid, state, c.Memory>>20, c.Log)
	}
	fmt.Fprintf(w, "all\t\t%s\t%d MB\t%s\n", map[bool]string{true: "ready", false: "not ready"}[s.Ready], s.Memory>>20, s.Dir)
	if err := w.Flush(); err != nil || !s.Up {
		return err
	}
	for _, c := range s.Components {
		if c.Reason != "" {
			fmt.Fprintf(to, "%s: %s\n", c.Name, c.Reason)
		}
	}
	for _, c := range s.Cluster {
		if c.Reason != "" {
			fmt.Fprintf(to, "not so: %s: %s\n", c.Name, c.Reason)
		}
	}
	return nil
}
