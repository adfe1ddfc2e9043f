package store

import (
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// The pool of one replica: enough to keep two cores and a disk busy. Two replicas
// and their listeners stay far below the 100 connections that Postgres allows unless
// told otherwise.
const maxConns = 16

// Configure sizes a pool and bounds what a statement may take, where the database
// URL has not said so itself (pool_max_conns, statement_timeout, …).
func Configure(cfg *pgxpool.Config) {
	if q := cfg.ConnString(); !strings.Contains(q, "pool_max_conns") {
		cfg.MaxConns = maxConns
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	for name, value := range map[string]string{
		"application_name":                    "agentrun-mgr",
		"statement_timeout":                   "10s",
		"lock_timeout":                        "5s",
		"idle_in_transaction_session_timeout": "15s",
	} {
		if _, ok := cfg.ConnConfig.RuntimeParams[name]; !ok {
			cfg.ConnConfig.RuntimeParams[name] = value
		}
	}
}
