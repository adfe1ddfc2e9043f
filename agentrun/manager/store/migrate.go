package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/pikasTech/agentrun/agentrun/run"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema up to date and adds the default profile when there is
// none. Replicas that start at once do it one after the other; a schema that is
// newer than this program is left as it is, so the replicas of the last release go
// on during a new one.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	// A migration may take longer than a request's statement may.
	cfg := pool.Config().ConnConfig
	delete(cfg.RuntimeParams, "statement_timeout")
	delete(cfg.RuntimeParams, "lock_timeout")
	db := stdlib.OpenDB(*cfg)
	defer db.Close()
	if err := migrate(ctx, db, files); err != nil {
		return err
	}
	spec, err := json.Marshal(run.DefaultProfile())
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "insert into profiles (name, spec) values ($1, $2) on conflict do nothing", run.DefaultProfile().Name, string(spec)); err != nil {
		return fmt.Errorf("adding the default profile: %w", err)
	}
	return nil
}

func migrate(ctx context.Context, db *sql.DB, files fs.FS) error {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	return nil
}
