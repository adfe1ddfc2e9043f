// Package fail gives errors the shape that every command of this project
// promises: an exit code, the rule that was broken, where, why, and a hint that
// says what to do.
//
// An Error is made where the cause is known and wrapped by callers with
// fmt.Errorf("doing X: %w", err); CodeOf and HintOf read it back at the edge.
// The package never prints, never exits and never holds a secret value: callers
// put names into errors, not values.
package fail

import (
	"context"
	"errors"
	"fmt"
)

// Code is a process exit code. The numbers are a contract with scripts.
type Code int

// The exit codes of every command.
const (
	OK          Code = 0
	Failed      Code = 1   // something did not work: network, disk, a build
	Usage       Code = 2   // the command line is wrong
	Differs     Code = 3   // differences were found, the release is not accepted, or the run did not succeed
	Refused     Code = 4   // a rule refuses it; the same call is refused again
	Stale       Code = 5   // somebody else moved on: a newer commit is already there
	Interrupted Code = 130 // the caller stopped it
)

// Error is one refusal or failure.
type Error struct {
	Code  Code
	Rule  string // the rule it breaks, such as "C5", or ""
	Where string // file:line:column, an object, or an address
	Err   error  // why
	Hint  string // what to do now, one line
}

// Error renders "where: why (rule C5)"; the hint is printed apart from it.
func (e *Error) Error() string {
	s := e.Err.Error()
	if e.Where != "" {
		s = e.Where + ": " + s
	}
	if e.Rule != "" {
		s += " (rule " + e.Rule + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Refuse is the Error for a broken rule.
func Refuse(rule, where, hint, format string, args ...any) *Error {
	return &Error{Code: Refused, Rule: rule, Where: where, Hint: hint, Err: fmt.Errorf(format, args...)}
}

// Fail is the Error for something that did not work.
func Fail(where, hint, format string, args ...any) *Error {
	return &Error{Code: Failed, Where: where, Hint: hint, Err: fmt.Errorf(format, args...)}
}

// CodeOf is the exit code of err: that of the first Error or Findings in its
// chain, Interrupted for a cancelled context, Failed for anything else.
func CodeOf(err error) Code {
	if err == nil {
		return OK
	}
	if errors.Is(err, context.Canceled) {
		return Interrupted
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	if _, ok := errors.AsType[Findings](err); ok {
		return Refused
	}
	return Failed
}

// HintOf is the hint of the first Error in err's chain that has one, or "".
func HintOf(err error) string {
	for e, ok := errors.AsType[*Error](err); ok; e, ok = errors.AsType[*Error](e.Err) {
		if e.Hint != "" {
			return e.Hint
		}
	}
	return ""
}

// RuleOf is the rule of the first Error in err's chain that has one, or "".
func RuleOf(err error) string {
	for e, ok := errors.AsType[*Error](err); ok; e, ok = errors.AsType[*Error](e.Err) {
		if e.Rule != "" {
			return e.Rule
		}
	}
	return ""
}
