package main

import (
	"github.com/pikasTech/agentrun/internal/fail"
	"github.com/pikasTech/agentrun/lane/names"
)

// header is the beginning of a document that only the command prints; those that
// stages exchange have types of their own.
type header struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

func headerOf(kind string) header { return header{APIVersion: names.APIVersion, Kind: kind} }

// namesDocument is what `lane names -o json` prints.
type namesDocument struct {
	header
	names.Names
}

// errorDocument is what every verb prints with -o json when it has nothing else to
// print.
type errorDocument struct {
	header
	ExitCode int    `json:"exitCode"`
	Rule     string `json:"rule,omitempty"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
}

// findingsDocument is what `lane check -o json` prints.
type findingsDocument struct {
	header
	SourceCommitID string         `json:"sourceCommitId"`
	Findings       []fail.Finding `json:"findings"`
}
