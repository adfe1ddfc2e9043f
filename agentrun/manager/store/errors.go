package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// What a method refuses besides what package run does.
var (
	ErrNotFound  = errors.New("there is no such thing") // or none that the asker may know of
	ErrKeyReused = errors.New("the idempotency key belongs to another request")
	ErrNotEnded  = errors.New("the run has not ended")
	ErrNoProfile = errors.New("there is no such profile")
	ErrNoProject = errors.New("there is no such project")
	ErrArtifact  = errors.New("the artifact is there with other content, or there are too many")
)

// GapError refuses a Report that begins after the next event.
type GapError struct {
	Next int64 // the number that the report must begin with
}

func (e *GapError) Error() string { return fmt.Sprintf("the next event has the number %d", e.Next) }

// Unavailable reports whether err is of Postgres or the way to it, so that the same
// call may succeed later: it is away, restarting, out of connections or too slow.
func Unavailable(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code {
		case "40001", "40P01", "55P03", "57014", "25P03", "25006": // serialization, deadlock, lock and statement timeouts, idle, read only
			return true
		}
		class := e.Code[:min(2, len(e.Code))]
		return strings.Contains(" 08 53 57 58 ", " "+class+" ")
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err) || pgconn.Timeout(err)
}
