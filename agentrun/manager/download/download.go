// Package download sends a file of a run to one reader, over HTTP.
//
// A file is read and sent piece by piece, so it needs the memory of one piece however
// large it is, and holds no connection to Postgres while its reader is slow. Each piece
// has a time of its own: a reader who does not take it meanwhile is cut off, and nobody
// for the size of the file. The bytes that are sent are those of the file that was asked
// for, in order; when it is gone half way, or Postgres is, they end before the
// Content-Length, which the reader sees as an error and never as a shorter file.
package download

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/pikasTech/agentrun/agentrun/manager/store"
	"github.com/pikasTech/agentrun/agentrun/run"
)

// The times of a piece.
const (
	readTime  = 10 * time.Second // for Postgres to give it
	writeTime = 10 * time.Second // for the reader to take it
)

// File is a file whose first piece is there. Open makes it.
type File struct {
	store *store.Store
	id    string
	about run.Artifact
	first []byte
}

// Open begins with a file of the run that Store.Artifact gave. What can be said instead of
// the file must be said now.
func Open(ctx context.Context, s *store.Store, id string, about run.Artifact) (*File, error) {
	first, err := s.Piece(ctx, id, about, 0)
	if err != nil {
		return nil, err
	}
	return &File{s, id, about, first}, nil
}

// Send writes the file as the body of an answer whose Content-Length is the file's. Its
// error is for the log: the reader has seen the body end too early, or is gone.
func (f *File) Send(ctx context.Context, w http.ResponseWriter) error {
	to := http.NewResponseController(w)
	for piece, at := f.first, int64(0); ; {
		err := to.SetWriteDeadline(time.Now().Add(writeTime))
		if err == nil {
			_, err = w.Write(piece)
		}
		if err != nil {
			return fmt.Errorf("sending %s of run %s: %w", f.about.Name, f.id, err)
		}
		if at += int64(len(piece)); at >= f.about.Bytes {
			return nil
		}
		if piece, err = f.piece(ctx, at); err != nil {
			return fmt.Errorf("sending %s of run %s: %w", f.about.Name, f.id, err)
		}
	}
}

func (f *File) piece(ctx context.Context, at int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	return f.store.Piece(ctx, f.id, f.about, at)
}
