// Package store keeps runs in Postgres. Everything that must survive is here and
// nowhere else: a manager that is killed at any moment has lost nothing that it
// ever confirmed.
//
// Open migrates the database, safely by several replicas at once. Each method is
// one transaction: it happened as a whole, or not at all and may be called again.
// What may follow on what is decided by package run alone; the row of a run is
// locked while that is decided, so replicas never disagree.
//
// Times are of Store.Now. Tokens are stored as hashes. No error holds a value of
// a row, nor any part of the database URL.
package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is an open database.
type Store struct {
	Pool *pgxpool.Pool
	Now  func() time.Time
}

// Migrate brings the schema up to date. Replicas that start at once do it one
// after the other; a schema that is newer than this program is left as it is.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	return migrate(ctx, db)
}

func migrate(ctx context.Context, db *sql.DB) error {
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
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
