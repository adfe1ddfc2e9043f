// Package store keeps runs in Postgres. Everything that must survive is here and
// nowhere else: a manager that is killed at any moment has lost nothing that it
// ever confirmed.
//
// Migrate brings the schema up to date, safely by several replicas at once. Each
// method of Store is one transaction: it happened as a whole, or not at all and may
// be called again. What may follow on what is decided by package run alone; the row
// of a run is locked while that is decided, so replicas never disagree. Locks are
// taken in one order, the run's row before its attempt's.
//
// Methods for users take a project and find nothing of another one; the project
// AnyProject is for administrators. Methods for runners take the attempt and the
// uid of its pod, and refuse every other pod. Ids are UUIDs in text; what is not one
// is ErrNotFound.
//
// Cost of events: reports that come at once are stored by one statement, with one round
// trip and one commit, whatever they hold; one that comes alone is stored at once. A
// Report of n events writes n rows, n index entries of a primary key that only grows at
// its end of the run, and two small rows in place (the run's and the attempt's, whose
// changed columns have no index). docs/reference/load.md has the figures.
//
// Times are of Store.Now, but attempts.heartbeat_at, which is the database's, so
// that nobody compares clocks of two machines. Tokens are stored as hashes. No error
// holds a value of a row or the password; one that Postgres cannot be reached names its
// address, user and database, so errors are for the log and not for users. Unavailable
// tells errors that go away by themselves; nothing is half done then, but a method whose
// answer was lost may have happened.
package store

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Store is an open database. Its methods are for concurrent use.
type Store struct {
	Pool *pgxpool.Pool
	Now  func() time.Time

	// Changed is told the id of each run whose state has changed, after the commit.
	// It must not block. nil tells nobody.
	Changed func(runID string)

	group group // of reports
}

// AnyProject stands for every project, where an administrator asks.
const AnyProject = ""

// JobName is the name of an attempt's Job: run-<32 hex digits>-<attempt>.
func JobName(runID uuid.UUID, attempt int) string {
	return "run-" + hex.EncodeToString(runID[:]) + "-" + strconv.Itoa(attempt)
}

// now is in the precision that Postgres keeps.
func (s *Store) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

func (s *Store) changed(id uuid.UUID) {
	if s.Changed != nil {
		s.Changed(id.String())
	}
}

// runID reads an id as a user gives it.
func runID(id string) (uuid.UUID, error) {
	u, err := uuid.Parse(id)
	if err != nil || u.String() != id {
		return uuid.Nil, ErrNotFound
	}
	return u, nil
}
