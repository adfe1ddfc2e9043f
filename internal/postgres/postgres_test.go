package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/internal/child"
	"github.com/pikasTech/agentrun/internal/postgres"
	"github.com/pikasTech/agentrun/internal/scratch"
)

// server is a real Postgres, reached by its unix socket.
func server(t *testing.T) *url.URL {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs Postgres")
	}
	p, err := scratch.StartPostgres(t.Context(), t.TempDir())
	if child.Missing(err) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(p.DSN)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestG6_TheURLReallySignsIn(t *testing.T) {
	good := server(t)
	conn, err := pgx.Connect(t.Context(), good.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, sql := range []string{"create database closed", "revoke connect on database closed from public", "create role guest login password 'guest'", "create role nologin nologin password 'guest'"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	password, _ := good.User.Password()
	for name, tt := range map[string]struct {
		change  func(u *url.URL)
		wanted  string
		refused bool
		why     string
	}{
		"good":               {func(*url.URL) {}, "postgres", false, ""},
		"another database":   {func(*url.URL) {}, "shop_v03", true, "the server answers with another database"},
		"wrong password":     {func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "x") }, "postgres", true, "the server does not take the user and the password"},
		"unknown user":       {func(u *url.URL) { u.User = url.UserPassword("nobody", password) }, "postgres", true, "the server does not take the user and the password"},
		"no such database":   {func(u *url.URL) { u.Path = "/shop_v03" }, "shop_v03", true, "the server has no such database"},
		"no right":           {func(u *url.URL) { u.User, u.Path = url.UserPassword("guest", "guest"), "/closed" }, "closed", true, "the user may not connect to this database"},
		"a role that cannot": {func(u *url.URL) { u.User = url.UserPassword("nologin", "guest") }, "postgres", true, "the server does not let this user in"},
		"nobody listens":     {func(u *url.URL) { u.Host, u.RawQuery = "127.0.0.1:1", "" }, "postgres", false, "nobody listens there, as seen from this machine"},
	} {
		t.Run(name, func(t *testing.T) {
			u := *good
			tt.change(&u)
			err := postgres.Try(t.Context(), u.String(), tt.wanted)
			if tt.why == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			e, ok := errors.AsType[*postgres.Error](err)
			if !ok || e.Refused != tt.refused || e.Why != tt.why {
				t.Fatalf("got %#v, want %q", err, tt.why)
			}
			if secret, _ := u.User.Password(); len(secret) > 1 && strings.Contains(err.Error(), secret) {
				t.Error("it tells the password")
			}
		})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := postgres.Try(ended, good.String(), "postgres"); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestURLThatNoClientTakes(t *testing.T) {
	err := postgres.Try(t.Context(), "postgres://u:"+"hunter2hunter2"+"@[", "x")
	if e, ok := errors.AsType[*postgres.Error](err); !ok || e.Refused || strings.Contains(e.Why, "hunter2") {
		t.Errorf("got %v", err)
	}
}
