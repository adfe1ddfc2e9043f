package manager_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/agentrun/agentrun/manager"
	"github.com/pikasTech/agentrun/internal/fail"
)

func TestNewRefuses(t *testing.T) {
	const secret = "hunter2"
	tests := []struct {
		name, why string
		change    func(*manager.Config)
	}{
		{"no port", `"localhost", not host:port`, func(c *manager.Config) { c.Listen = "localhost" }},
		{"lane", `the lane is "unknown"`, func(c *manager.Config) { c.Version.Lane = "unknown" }},
		{"short commit", `the source commit is "abc123"`, func(c *manager.Config) { c.Version.Commit = "abc123" }},
		{"digest", `the image digest is "latest"`, func(c *manager.Config) { c.Version.Digest = "latest" }},
		{"no ready timeout", "the ready timeout is 0s", func(c *manager.Config) { c.ReadyTimeout = 0 }},
		{"negative drain delay", "the drain delay is -1s", func(c *manager.Config) { c.DrainDelay = -time.Second }},
		{"endless shutdown", "the shutdown timeout is 20m0s", func(c *manager.Config) { c.ShutdownTimeout = 20 * time.Minute }},
		{"no database", "DATABASE_URL is not set", func(c *manager.Config) { c.DatabaseURL = "" }},
		{"no URL", "is not a postgres:// URL", func(c *manager.Config) { c.DatabaseURL = "host=db password=" + secret }},
		{"another scheme", "is not a postgres:// URL", func(c *manager.Config) { c.DatabaseURL = "mysql://u:" + secret + "@db/name" }},
		{"G6 password not encoded", "have to be URL-encoded", func(c *manager.Config) { c.DatabaseURL = "postgres://u:" + secret + "%/@db/name" }},
		{"G6 no database name", "does not name a database", func(c *manager.Config) { c.DatabaseURL = "postgres://u:" + secret + "@db/" }},
		{"port", "has a host, a port or an option", func(c *manager.Config) { c.DatabaseURL = "postgres://u:" + secret + "@db:99999/name" }},
		{"pool option", "has a host, a port or an option", func(c *manager.Config) {
			c.DatabaseURL = "postgres://u:" + secret + "@db/name?pool_max_conns=none"
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config(io.Discard)
			tt.change(&cfg)
			_, err := manager.New(cfg)
			if fail.CodeOf(err) != fail.Usage || !strings.Contains(err.Error(), tt.why) || fail.HintOf(err) == "" {
				t.Errorf("got %v (exit code %d), want %q", err, fail.CodeOf(err), tt.why)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the password is in the error: %v", err)
			}
		})
	}
}

func TestNewNamesEverythingThatIsWrong(t *testing.T) {
	_, err := manager.New(manager.Config{})
	for _, part := range []string{"address", "ready timeout", "shutdown timeout", "DATABASE_URL"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing in: %v", part, err)
		}
	}
}

func FuzzDatabaseURL(f *testing.F) {
	f.Add("postgres://user:" + "secret" + "@host:5432/name?sslmode=disable&pool_max_conns=3")
	f.Add("postgres://user:" + "%zz" + "@/name?host=/run/postgresql")
	f.Fuzz(func(t *testing.T, raw string) {
		cfg := config(io.Discard)
		cfg.DatabaseURL = raw
		// Long enough not to be found in the sentences by chance.
		if _, err := manager.New(cfg); err != nil && len(raw) > 80 && strings.Contains(err.Error(), raw) {
			t.Errorf("the error holds the URL: %v", err)
		}
	})
}
