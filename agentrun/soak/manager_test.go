package soak

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/pikasTech/agentrun/internal/child"
)

// managers are the replicas of the manager.
type managers struct {
	program     string
	args        []string
	databaseURL string
	logs        string // folder
	service     *service

	mu      sync.Mutex
	running map[int]*child.Process
	starts  int
}

// listening finds in a manager's log where it listens, and keeps the log.
type listening struct {
	log     *os.File
	line    []byte
	address chan string
}

func (l *listening) Write(b []byte) (int, error) {
	l.line = append(l.line, b...)
	for {
		line, rest, whole := bytes.Cut(l.line, []byte("\n"))
		if !whole {
			break
		}
		var entry struct{ Msg, Address string }
		if json.Unmarshal(line, &entry) == nil && entry.Msg == "listening" {
			l.address <- entry.Address
		}
		l.line = bytes.Clone(rest)
	}
	return l.log.Write(b)
}

// start starts replica n and returns once it listens.
func (m *managers) start(n int) error {
	m.mu.Lock()
	m.starts++
	name := filepath.Join(m.logs, fmt.Sprintf("manager-%d-%03d.log", n, m.starts))
	m.mu.Unlock()
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	log := &listening{log: file, address: make(chan string, 1)}
	cmd := exec.Command(m.program, m.args...)
	cmd.Env = []string{"DATABASE_URL=" + m.databaseURL}
	cmd.Stderr = log
	p, err := child.Start(cmd)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	go func() {
		<-p.Done()
		file.Close()
	}()
	select {
	case address := <-log.address:
		m.service.set(n, address)
	case <-p.Done():
		return fmt.Errorf("manager %d ended: %w; its log is %s", n, p.Err(), name)
	case <-time.After(time.Minute):
		p.Stop()
		return fmt.Errorf("manager %d does not listen; its log is %s", n, name)
	}
	m.mu.Lock()
	m.running[n] = p
	m.mu.Unlock()
	return nil
}

// end ends replica n with a signal and says how it went.
func (m *managers) end(n int, signal syscall.Signal) error {
	m.mu.Lock()
	p := m.running[n]
	delete(m.running, n)
	m.mu.Unlock()
	if p == nil {
		return nil
	}
	if err := syscall.Kill(p.Pid(), signal); err != nil {
		return err
	}
	err := p.Err()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && signal == syscall.SIGKILL {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signal() == signal {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("manager %d, ended with signal %s: %w", n, strconv.Itoa(int(signal)), err)
	}
	return nil
}

// freeze lets replica n do nothing for a while, as a machine that has no time for it.
func (m *managers) freeze(n int, d time.Duration) error {
	m.mu.Lock()
	p := m.running[n]
	m.mu.Unlock()
	if p == nil {
		return nil
	}
	if err := syscall.Kill(p.Pid(), syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(d)
	return syscall.Kill(p.Pid(), syscall.SIGCONT)
}

// troubles are the lines of all logs by which a manager says that it is at fault: errors,
// and whatever a Go program says when it dies.
func (m *managers) troubles() (lines []string, err error) {
	files, err := filepath.Glob(filepath.Join(m.logs, "*.log"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(data) {
			var entry struct{ Level string }
			whole := bytes.HasSuffix(line, []byte("\n")) // else it was killed while it wrote it
			if whole && (json.Unmarshal(line, &entry) != nil || entry.Level == "ERROR") {
				lines = append(lines, filepath.Base(file)+": "+string(line))
			}
		}
	}
	return lines, nil
}
