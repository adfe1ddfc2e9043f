package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// PutArtifact stores a file of an attempt, named and typed by about, and the event
// that says so, which it gives. The same content again changes nothing and gives no
// event; other content under the name, or more than run.MaxArtifacts of the attempt, is
// ErrArtifact.
// It refuses as Append does, but for a repetition.
func (s *Store) PutArtifact(ctx context.Context, id string, attempt int, podUID string, about run.Artifact, content []byte) (run.Artifact, []run.Event, error) {
	u, err := runID(id)
	if err != nil {
		return run.Artifact{}, nil, err
	}
	if content == nil {
		content = []byte{} // nil would be null
	}
	sum := sha256.Sum256(content)
	about.Attempt, about.Bytes, about.SHA256 = attempt, int64(len(content)), hex.EncodeToString(sum[:])
	data, err := json.Marshal(about)
	if err != nil {
		return run.Artifact{}, nil, err
	}
	var stored []run.Event
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		a, err := s.lockAttempt(ctx, tx, u, attempt)
		if err != nil {
			return err
		}
		if a.podUID != podUID {
			return run.ErrSuperseded
		}
		var count int
		var there []byte
		err = tx.QueryRow(ctx, `select count(*), (select sha256 from artifacts where run_id = $1 and attempt = $2 and name = $3)
			from artifacts where run_id = $1 and attempt = $2`, u, attempt, about.Name).Scan(&count, &there)
		switch {
		case err != nil:
			return fmt.Errorf("looking for the artifact: %w", err)
		case there != nil && string(there) == string(sum[:]):
			return nil
		}
		if err := a.speaks(attempt, podUID); err != nil {
			return err
		}
		if there != nil || count >= run.MaxArtifacts {
			return ErrArtifact
		}
		now := s.now()
		_, err = tx.Exec(ctx, `insert into artifacts (run_id, attempt, name, media_type, bytes, sha256, content) values ($1, $2, $3, $4, $5, $6, $7)`,
			u, attempt, about.Name, about.MediaType, about.Bytes, sum[:], content)
		if err != nil {
			return fmt.Errorf("storing the artifact: %w", err)
		}
		e := run.Event{Seq: a.lastSeq + 1, RunID: id, Attempt: attempt, Time: now, Type: run.ArtifactStored, Data: data}
		_, err = tx.Exec(ctx, `
			with e as (insert into events (run_id, seq, attempt, at, type, data) values ($1, $2, $3, $4, $5, $6::json))
			update runs set last_seq = $2 where id = $1`, u, e.Seq, attempt, now, e.Type, string(data))
		if err != nil {
			return fmt.Errorf("writing the event: %w", err)
		}
		stored = []run.Event{e}
		return nil
	})
	if err != nil {
		return run.Artifact{}, nil, err
	}
	return about, stored, nil
}

// Artifacts lists the files of a run, by attempt and name.
func (s *Store) Artifacts(ctx context.Context, project, id string) ([]run.Artifact, error) {
	r, err := s.Get(ctx, project, id)
	if err != nil {
		return nil, err
	}
	u, err := runID(r.ID)
	if err != nil {
		return nil, err
	}
	return s.artifacts(ctx, u)
}

func (s *Store) artifacts(ctx context.Context, id uuid.UUID) ([]run.Artifact, error) {
	rows, err := s.Pool.Query(ctx, `select name, attempt, bytes, encode(sha256, 'hex'), media_type from artifacts where run_id = $1 order by attempt, name`, id)
	if err != nil {
		return nil, fmt.Errorf("listing artifacts: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[run.Artifact])
	if err != nil {
		return nil, fmt.Errorf("listing artifacts: %w", err)
	}
	return all, nil
}

// Artifact gives one file of a run, of the last attempt that has it when attempt is
// 0, or ErrNotFound. Piece gives its bytes.
func (s *Store) Artifact(ctx context.Context, project, id, name string, attempt int) (run.Artifact, error) {
	u, err := runID(id)
	if err != nil {
		return run.Artifact{}, err
	}
	var a run.Artifact
	err = s.Pool.QueryRow(ctx, `
		select a.name, a.attempt, a.bytes, encode(a.sha256, 'hex'), a.media_type from artifacts a join runs r on r.id = a.run_id
		where r.id = $1 and ($2 = '' or r.project = $2) and a.name = $3 and ($4 = 0 or a.attempt = $4)
		order by a.attempt desc limit 1`, u, project, name, attempt).Scan(&a.Name, &a.Attempt, &a.Bytes, &a.SHA256, &a.MediaType)
	if errors.Is(err, pgx.ErrNoRows) {
		return run.Artifact{}, ErrNotFound
	}
	if err != nil {
		return run.Artifact{}, fmt.Errorf("reading the artifact: %w", err)
	}
	return a, nil
}

// PieceBytes are the bytes of a file that are in memory at once for one who reads it.
const PieceBytes = 256 << 10

// Piece gives the bytes of a file that Artifact gave, from that one on: PieceBytes, or
// what is left. It is ErrNotFound when the file is not there any more.
func (s *Store) Piece(ctx context.Context, id string, a run.Artifact, from int64) ([]byte, error) {
	u, err := runID(id)
	if err != nil {
		return nil, err
	}
	// The content is neither compressed nor inline: only what is asked for is read.
	var piece []byte
	err = s.Pool.QueryRow(ctx, `
		select substring(content from $4::int for $5::int) from artifacts
		where run_id = $1 and attempt = $2 and name = $3 and sha256 = decode($6, 'hex')`,
		u, a.Attempt, a.Name, from+1, PieceBytes, a.SHA256).Scan(&piece)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading the artifact: %w", err)
	}
	if want := min(PieceBytes, a.Bytes-from); int64(len(piece)) != want {
		return nil, fmt.Errorf("reading the artifact: %d bytes from %d on, not %d", len(piece), from, want)
	}
	return piece, nil
}
