package storetest

import (
	"context"
	"net"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Silence makes the connections of a pool with cfg such that they can fall silent, as
// they do when the machine at their other end is gone: what is sent arrives nowhere,
// and nothing says so. Call fall for that. Connections that are made later work, until
// it is called again.
func Silence(cfg *pgxpool.Config) (fall func()) {
	var now atomic.Pointer[atomic.Bool]
	now.Store(new(atomic.Bool))
	dial := cfg.ConnConfig.DialFunc
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return wire{conn, now.Load()}, err
	}
	return func() { now.Swap(new(atomic.Bool)).Store(true) }
}

type wire struct {
	net.Conn
	silent *atomic.Bool
}

func (w wire) Write(b []byte) (int, error) {
	if w.silent.Load() {
		if len(b) > 0 && b[0] == 'X' { // a goodbye; who says it would wait for an answer
			return 0, w.Conn.Close()
		}
		return len(b), nil
	}
	return w.Conn.Write(b)
}
