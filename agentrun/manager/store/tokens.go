package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The scopes of a token.
const (
	ReadRuns  = "runs:read"
	WriteRuns = "runs:write"
	Admin     = "admin" // everything, in every project
)

// Token is what is known of a token; its value is known to its owner alone.
type Token struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`              // what it is for
	Project   string     `json:"project,omitempty"` // "" for administration
	Scopes    []string   `json:"scopes"`
	CreatedAt time.Time  `json:"createdAt"`
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	RevokedAt *time.Time `json:"revokedAt,omitempty"`
}

// tokenPrefix makes tokens known to those who look for leaked ones.
const tokenPrefix = "art_"

// CreateToken makes a token from the name, project, scopes and expiry of t and gives
// its value, which can never be had again. An unknown project is ErrNoProject.
func (s *Store) CreateToken(ctx context.Context, t Token) (Token, string, error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	value := tokenPrefix + base64.RawURLEncoding.EncodeToString(secret)
	hash := sha256.Sum256([]byte(value))
	id, err := uuid.NewV7()
	if err != nil {
		return Token{}, "", fmt.Errorf("making an id: %w", err)
	}
	t.ID, t.CreatedAt = id.String(), s.now()
	_, err = s.Pool.Exec(ctx, `insert into tokens (id, project, name, hash, scopes, created_at, expires_at) values ($1, nullif($2, ''), $3, $4, $5, $6, $7)`,
		id, t.Project, t.Name, hash[:], t.Scopes, t.CreatedAt, t.ExpiresAt)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.ConstraintName == "tokens_project_fkey" {
		return Token{}, "", ErrNoProject
	}
	if err != nil {
		return Token{}, "", fmt.Errorf("storing a token: %w", err)
	}
	return t, value, nil
}

// Authenticate gives the token of that value. One that is unknown, revoked or
// expired is ErrNotFound.
func (s *Store) Authenticate(ctx context.Context, value string) (Token, error) {
	if !strings.HasPrefix(value, tokenPrefix) || len(value) != len(tokenPrefix)+base64.RawURLEncoding.EncodedLen(32) {
		return Token{}, ErrNotFound
	}
	hash := sha256.Sum256([]byte(value))
	t, err := scanToken(s.Pool.QueryRow(ctx, `select `+tokenColumns+` from tokens
		where hash = $1 and revoked_at is null and (expires_at is null or expires_at > $2)`, hash[:], s.now()))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Token{}, fmt.Errorf("looking up a token: %w", err)
	}
	return t, err
}

// Accepted gives those of the tokens with these ids that are neither revoked nor
// expired, in one question by the primary key.
func (s *Store) Accepted(ctx context.Context, ids []string) ([]string, error) {
	rows, err := s.Pool.Query(ctx, `select id::text from tokens
		where id = any($1::uuid[]) and revoked_at is null and (expires_at is null or expires_at > $2)`, ids, s.now())
	if err != nil {
		return nil, fmt.Errorf("looking up tokens: %w", err)
	}
	good, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("looking up tokens: %w", err)
	}
	return good, nil
}

// Tokens lists all tokens, the newest first, the revoked ones too.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	rows, err := s.Pool.Query(ctx, `select `+tokenColumns+` from tokens order by id desc`)
	if err != nil {
		return nil, fmt.Errorf("listing tokens: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Token, error) { return scanToken(row) })
	if err != nil {
		return nil, fmt.Errorf("listing tokens: %w", err)
	}
	return all, nil
}

// RevokeToken ends a token, for good; once more does no harm. An unknown id is
// ErrNotFound.
func (s *Store) RevokeToken(ctx context.Context, id string) error {
	u, err := runID(id)
	if err != nil {
		return err
	}
	tag, err := s.Pool.Exec(ctx, `update tokens set revoked_at = coalesce(revoked_at, $2) where id = $1`, u, s.now())
	if err != nil {
		return fmt.Errorf("revoking a token: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrNotFound
	}
	return nil
}

const tokenColumns = `id::text, name, coalesce(project, ''), scopes, created_at, expires_at, revoked_at`

func scanToken(row pgx.Row) (Token, error) {
	var t Token
	err := row.Scan(&t.ID, &t.Name, &t.Project, &t.Scopes, &t.CreatedAt, &t.ExpiresAt, &t.RevokedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return Token{}, ErrNotFound
	}
	if err != nil {
		return Token{}, err
	}
	t.CreatedAt = t.CreatedAt.UTC()
	return t, nil
}
