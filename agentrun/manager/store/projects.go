package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// Project is who runs belong to.
type Project struct {
	Name       string `json:"name"`       // a DNS label
	MaxRunning int    `json:"maxRunning"` // runs that may be starting or running at once
}

// Project gives the project of that name, or ErrNotFound.
func (s *Store) Project(ctx context.Context, name string) (Project, error) {
	p := Project{Name: name}
	err := s.Pool.QueryRow(ctx, `select max_running from projects where name = $1`, name).Scan(&p.MaxRunning)
	if errors.Is(err, pgx.ErrNoRows) {
		return Project{}, ErrNotFound
	}
	if err != nil {
		return Project{}, fmt.Errorf("reading a project: %w", err)
	}
	return p, nil
}

// PutProject makes the project or changes it.
func (s *Store) PutProject(ctx context.Context, p Project) error {
	_, err := s.Pool.Exec(ctx, `insert into projects (name, max_running, created_at) values ($1, $2, $3)
		on conflict (name) do update set max_running = excluded.max_running`, p.Name, p.MaxRunning, s.now())
	if err != nil {
		return fmt.Errorf("storing a project: %w", err)
	}
	return nil
}

// EnsureProject makes a project with the default limits when there is none of that name.
func (s *Store) EnsureProject(ctx context.Context, name string) error {
	_, err := s.Pool.Exec(ctx, `insert into projects (name, created_at) values ($1, $2) on conflict do nothing`, name, s.now())
	if err != nil {
		return fmt.Errorf("storing a project: %w", err)
	}
	return nil
}

// Profiles lists the profiles by name.
func (s *Store) Profiles(ctx context.Context) ([]run.Profile, error) {
	rows, err := s.Pool.Query(ctx, `select spec::text from profiles order by name`)
	if err != nil {
		return nil, fmt.Errorf("listing profiles: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (run.Profile, error) { return scanProfile(row) })
	if err != nil {
		return nil, fmt.Errorf("listing profiles: %w", err)
	}
	return all, nil
}

// PutProfile makes the profile or changes it. Runs that were submitted before keep
// what it was then.
func (s *Store) PutProfile(ctx context.Context, p run.Profile) error {
	spec, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, err = s.Pool.Exec(ctx, `insert into profiles (name, spec) values ($1, $2) on conflict (name) do update set spec = excluded.spec`, p.Name, string(spec))
	if err != nil {
		return fmt.Errorf("storing a profile: %w", err)
	}
	return nil
}

func (s *Store) profile(ctx context.Context, name string) (run.Profile, error) {
	p, err := scanProfile(s.Pool.QueryRow(ctx, `select spec::text from profiles where name = $1`, name))
	if errors.Is(err, pgx.ErrNoRows) {
		return run.Profile{}, ErrNoProfile
	}
	if err != nil {
		return run.Profile{}, fmt.Errorf("reading a profile: %w", err)
	}
	return p, nil
}

func scanProfile(row pgx.Row) (run.Profile, error) {
	var spec []byte
	if err := row.Scan(&spec); err != nil {
		return run.Profile{}, err
	}
	var p run.Profile
	err := json.Unmarshal(spec, &p)
	return p, err
}
