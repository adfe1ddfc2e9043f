// Package postgres signs in to a Postgres server once, to find out whether a URL is
// good (rule G6).
//
// Input is a URL as services read it; output is nil, or an *Error that says in fixed
// words what is wrong. No error holds any part of the URL or of what the server or the
// network said: a password that is not encoded may be taken for a host, and would be in
// it. The package writes nothing to the database.
package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Timeout is how long signing in may take.
const Timeout = 10 * time.Second

// Error is why signing in did not work.
type Error struct {
	Refused bool // the server answered, and said no; else nobody could be asked
	Why     string
}

func (e *Error) Error() string { return e.Why }

// Try signs in and asks for the name of the database. Every error but the caller's own
// interruption is an *Error.
func Try(ctx context.Context, url, database string) error {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return &Error{Why: "this machine's own settings (PG variables, a service file) stand in the way of the URL"}
	}
	limited, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(limited, cfg)
	if err != nil {
		return explain(ctx, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var name string
	if err := conn.QueryRow(limited, "select current_database()").Scan(&name); err != nil {
		return explain(ctx, err)
	}
	if name != database {
		return &Error{Refused: true, Why: "the server answers with another database"}
	}
	return nil
}

// answers are what a server says to somebody who signs in, by SQLSTATE.
var answers = map[string]string{
	"28P01": "the server does not take the user and the password",
	"28000": "the server does not let this user in",
	"3D000": "the server has no such database",
	"42501": "the user may not connect to this database",
}

func explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch why, known := answers[e.Code]; {
		case known:
			return &Error{Refused: true, Why: why}
		case strings.HasPrefix(e.Code, "53"), strings.HasPrefix(e.Code, "57"):
			return &Error{Why: "the server takes nobody in now"}
		}
		return &Error{Refused: true, Why: "the server refuses to sign in"}
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return &Error{Why: "this machine cannot resolve the host"}
	}
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, timeout := errors.AsType[net.Error](err)
	switch {
	case authority || host || certificate:
		return &Error{Why: "this machine does not trust the server's certificate"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Error{Why: "nobody listens there, as seen from this machine"}
	case errors.Is(err, context.DeadlineExceeded), timeout:
		return &Error{Why: "nobody answers there, as seen from this machine"}
	}
	return &Error{Why: "what answers there does not sign anybody in"}
}
