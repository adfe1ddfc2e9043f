package soak

import (
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
)

// service is what stands before the managers: an address that is one of theirs, each
// connection another. One that is gone is noticed as late as its Service would.
type service struct {
	net.Listener

	mu       sync.Mutex
	bad      bool           // some answers get lost, or a part of them
	lost     int            // answers
	backends map[int]string // addresses of the managers
	open     map[net.Conn]bool
}

func startService(t *testing.T) *service {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &service{Listener: ln, backends: map[int]string{}, open: map[net.Conn]bool{}}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			work.Go(func() { s.pass(conn) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		s.cut()
		work.Wait()
	})
	return s
}

func (s *service) url() string { return "http://" + s.Addr().String() }

func (s *service) set(manager int, address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backends[manager] = address
}

func (s *service) pick() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Collect(maps.Values(s.backends))
	if len(all) == 0 {
		return ""
	}
	return all[rand.IntN(len(all))]
}

// keep notes an open connection, or that it is not any more.
func (s *service) keep(conn net.Conn, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if open {
		s.open[conn] = true
	} else {
		delete(s.open, conn)
	}
}

// lose makes one connection of ten break in an answer, or not any more.
func (s *service) lose(some bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bad = some
}

// answers is what comes back on a connection.
func (s *service) answers(from net.Conn) io.Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.bad || rand.IntN(10) > 0 {
		return from
	}
	s.lost++
	return io.LimitReader(from, rand.Int64N(4000))
}

// cut ends all connections.
func (s *service) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.open {
		conn.Close()
	}
}

// pass carries bytes both ways until either side ends.
func (s *service) pass(conn net.Conn) {
	s.keep(conn, true)
	defer s.keep(conn, false)
	defer conn.Close()
	to, err := net.Dial("tcp", s.pick())
	if err != nil {
		return
	}
	defer to.Close()
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(conn, s.answers(to)) // however it ends, it has ended
		conn.Close()
	}()
	_, _ = io.Copy(to, conn)
	to.Close()
	<-back
}
