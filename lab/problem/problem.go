// Package problem is the errors that a person can do something about: what was
// being done and why it did not work, and one line that says what to do next.
// Anything else is a plain error.
package problem

import (
	"errors"
	"fmt"
)

// Error is an error with a hint.
type Error struct {
	Err  error
	Hint string // one line, without a full stop
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// New is an error with a hint; format and args are fmt.Errorf's.
func New(hint, format string, args ...any) error {
	return &Error{Err: fmt.Errorf(format, args...), Hint: hint}
}

// Hint is the hint of err, or of what it wraps; empty when there is none.
func Hint(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Hint
	}
	return ""
}
