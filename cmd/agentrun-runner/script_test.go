package main

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pikasTech/agentrun/agentrun/runner"
	"github.com/pikasTech/agentrun/internal/testkit"
)

func TestMain(m *testing.M) {
	if os.Getenv("RUNNER_UNDER_TEST") == "1" {
		runner.DefaultTiming.Hello = 2 * time.Minute // a busy machine takes its time
		main()
	}
	testscript.Main(m, map[string]func(){"agentrun-runner": main})
}

func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exit": testkit.Exit,
			"mode": cmdMode,
		},
	})
}

// cmdMode (mode BITS FILE...) wants the files to have these permission bits.
func cmdMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: mode BITS FILE...")
	}
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has mode %s, want %s", name, got, args[0])
		}
	}
}
