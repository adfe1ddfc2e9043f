package promote

import (
	"context"
	"fmt"

	"github.com/pikasTech/agentrun/internal/fail"
)

// Source is the history that releases come from.
type Source struct {
	// Head is the commit that the source branch points at on its origin.
	Head string
	// Ancestor reports whether commit a is in the history of commit b; a commit
	// is in its own. It must not say no when it cannot know.
	Ancestor func(ctx context.Context, a, b string) (bool, error)
}

// order is how a candidate stands to the promoted commit.
type order string

const (
	same      order = "same"      // it is the promoted commit
	newer     order = "newer"     // it contains the promoted commit
	older     order = "older"     // the promoted commit contains it
	rewritten order = "rewritten" // the promoted commit is no longer on the source branch
)

// order compares candidate with the promoted commit. A candidate
// that is not on the source branch is refused, and so is one that is neither
// before nor after a promoted commit that is.
func (s Source) order(ctx context.Context, promoted, candidate string) (order, error) {
	on, err := s.contains(ctx, candidate, s.Head)
	if err != nil {
		return "", err
	}
	if !on {
		return "", fail.Refuse("E1", candidate, "release a commit of the source branch",
			"the commit is not on the source branch, whose head is %.12s", s.Head)
	}
	if promoted == candidate {
		return same, nil
	}
	if after, err := s.contains(ctx, promoted, candidate); err != nil {
		return "", err
	} else if after {
		return newer, nil
	}
	if on, err := s.contains(ctx, promoted, s.Head); err != nil {
		return "", err
	} else if !on {
		return rewritten, nil
	}
	if before, err := s.contains(ctx, candidate, promoted); err != nil {
		return "", err
	} else if before {
		return older, nil
	}
	return "", fail.Refuse("E1", candidate, "release a commit that contains both, such as the head of the source branch",
		"the commit is neither before nor after the promoted %.12s: they are of two merged lines", promoted)
}

// contains is Ancestor without asking what is plain.
func (s Source) contains(ctx context.Context, a, b string) (bool, error) {
	if a == b {
		return true, nil
	}
	yes, err := s.Ancestor(ctx, a, b)
	if err != nil {
		return false, fmt.Errorf("comparing the source commits %.12s and %.12s: %w", a, b, err)
	}
	return yes, nil
}
