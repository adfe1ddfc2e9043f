// Command argocd is the part of Argo CD that a sync needs: the application
// controller, the repository server and what git asks for passwords, picked by the
// name that it is called by, as in Argo CD's own image.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	askpass "github.com/argoproj/argo-cd/v3/cmd/argocd-git-ask-pass/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	"github.com/spf13/cobra"
)

var programs = map[string]func() *cobra.Command{
	"argocd-application-controller": controller.NewCommand,
	"argocd-repo-server":            reposerver.NewCommand,
	"argocd-git-ask-pass":           askpass.NewCommand,
}

func main() {
	name := filepath.Base(os.Args[0])
	if set := os.Getenv("ARGOCD_BINARY_NAME"); set != "" {
		name = set
	}
	if programs[name] == nil {
		fmt.Fprintf(os.Stderr, "argocd: no program is called %q\n", name)
		os.Exit(2)
	}
	if err := programs[name]().Execute(); err != nil {
		os.Exit(1)
	}
}
