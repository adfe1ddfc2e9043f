package manager

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pikasTech/agentrun/agentrun/manager/api"
	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/internal/fail"
)

// Config is what a manager needs to run.
type Config struct {
	Listen      string // TCP address to serve HTTP on, host:port; an empty host is every address
	DatabaseURL string // postgres:// URL with a database name, a secret
	JobTemplate string // path of the runner's Job manifest; "" for a manager that starts no Jobs
	Version     Version

	ReadyTimeout    time.Duration // how long Postgres may take to answer
	DrainDelay      time.Duration // how long requests are still accepted after readiness is gone; may be 0
	ShutdownTimeout time.Duration // how long requests under way may take after that

	// Cluster is where runs take place. Without it none does: runs stay queued, and
	// every runner is refused.
	Cluster *Cluster
	// Page makes what is served to people at "/"; nil serves nothing there.
	Page func(s *store.Store, hub *api.Hub) http.Handler

	Log *slog.Logger
}

// Version says what runs. Nothing of it is in the image: it comes from the
// manifest, and "" stands for what the manifest did not say.
type Version struct {
	Lane   string `json:"lane"`   // such as v0.1
	Commit string `json:"commit"` // the full commit that the image was built from
	Digest string `json:"digest"` // the image's, sha256:<hex>
}

// longest bounds each duration of a Config: longer ones are mistakes of unit.
const longest = 10 * time.Minute

var lanePattern = regexp.MustCompile(`^v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$`)

// New checks cfg. Its error has the exit code fail.Usage and names everything
// that is wrong, without the value of the database URL.
func New(cfg Config) (*Manager, error) {
	var wrong []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	_, _, err := net.SplitHostPort(cfg.Listen)
	need(err == nil, "the address to listen on is %q, not host:port", cfg.Listen)
	v := cfg.Version
	need(v.Lane == "" || lanePattern.MatchString(v.Lane), "the lane is %q, not a version such as v0.1", v.Lane)
	need(v.Commit == "" || canon.IsCommit(v.Commit), "the source commit is %q, not 40 hex digits", v.Commit)
	need(v.Digest == "" || canon.IsDigest(v.Digest), "the image digest is %q, not sha256: and 64 hex digits", v.Digest)
	need(cfg.ReadyTimeout > 0 && cfg.ReadyTimeout <= longest, "the ready timeout is %v, not above 0 and up to %v", cfg.ReadyTimeout, longest)
	need(cfg.DrainDelay >= 0 && cfg.DrainDelay <= longest, "the drain delay is %v, not between 0 and %v", cfg.DrainDelay, longest)
	need(cfg.ShutdownTimeout > 0 && cfg.ShutdownTimeout <= longest, "the shutdown timeout is %v, not above 0 and up to %v", cfg.ShutdownTimeout, longest)
	if c := cfg.Cluster; c != nil {
		u, err := url.Parse(c.RunnerURL)
		need(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil, "the runners' address of the manager is not http://host:port")
		need(c.MaxRunning > 0, "the most runs at once are %d, not above 0", c.MaxRunning)
		need(cfg.JobTemplate != "", "runs take place in a cluster, and no job template is named")
	}
	database, err := parseDatabaseURL(cfg.DatabaseURL)
	need(err == nil, "DATABASE_URL %w", err)
	if len(wrong) > 0 {
		return nil, &fail.Error{Code: fail.Usage, Err: errors.Join(wrong...), Hint: "see --help for the flags and the environment variables"}
	}
	// Without a limit of its own a connection under way to a silent server would
	// hold its place in the pool, and the pool open, for minutes.
	if database.ConnConfig.ConnectTimeout == 0 {
		database.ConnConfig.ConnectTimeout = cfg.ReadyTimeout
	}
	store.Configure(database)
	return &Manager{cfg: cfg, database: database}, nil
}

// parseDatabaseURL never quotes raw, nor an error that does. Its errors continue
// the sentence "DATABASE_URL ...".
func parseDatabaseURL(raw string) (*pgxpool.Config, error) {
	if raw == "" {
		return nil, errors.New("is not set")
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errors.New("is not a postgres:// URL; in it the user and the password have to be URL-encoded")
	}
	if name := strings.Trim(u.Path, "/"); name == "" || strings.Contains(name, "/") {
		return nil, errors.New("does not name a database: it ends in /NAME")
	}
	cfg, err := pgxpool.ParseConfig(raw)
	if err != nil {
		return nil, errors.New("has a host, a port or an option that no Postgres client takes")
	}
	return cfg, nil
}
