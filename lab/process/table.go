package process

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/pikasTech/agentrun/lab/netns"
)

// Spec says how to start a daemon.
type Spec struct {
	Name string
	Path string
	Args []string
	Env  []string // the whole environment but PATH and HOME
	Home string   // also the folder that it starts in
	User *syscall.Credential
	// Namespace is where it runs; nil is the caller's own.
	Namespace *netns.Namespace
}

// Table is the daemons that are written down in a folder, and their logs.
type Table struct {
	Dir  string
	Logs string
	PATH string
}

// Log is the file of what a daemon says.
func (t Table) Log(name string) string { return filepath.Join(t.Logs, name+".log") }

func (t Table) file(name string) string { return filepath.Join(t.Dir, name+".json") }

// Start starts a daemon and writes it down.
func (t Table) Start(s Spec) error {
	if err := t.start(s); err != nil {
		return fmt.Errorf("starting %s: %w", s.Name, err)
	}
	return nil
}

func (t Table) start(s Spec) error {
	log, err := os.OpenFile(t.Log(s.Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(s.Path, s.Args...)
	cmd.Dir = s.Home
	cmd.Env = append([]string{"PATH=" + t.PATH, "HOME=" + s.Home, "LC_ALL=C"}, s.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: s.User}
	start := cmd.Start
	if s.Namespace != nil {
		start = func() error { return s.Namespace.Do(cmd.Start) }
	}
	if err := start(); err != nil {
		return err
	}
	p := Find(cmd.Process.Pid)
	// While this process lives its children would stay as zombies.
	go func() { _ = cmd.Wait() }()
	return t.write(s.Name, p)
}

func (t Table) write(name string, p Process) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	next := t.file(name) + "~"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return err
	}
	return os.Rename(next, t.file(name))
}

// Get is the daemon as it was written down; the zero Process when it was not.
func (t Table) Get(name string) Process {
	var p Process
	text, err := os.ReadFile(t.file(name))
	if err != nil || json.Unmarshal(text, &p) != nil {
		return Process{}
	}
	return p
}

// Names are the daemons that are written down, in order.
func (t Table) Names() []string {
	files, _ := filepath.Glob(t.file("*"))
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".json"))
	}
	return names
}

// Forget removes what is written down about a daemon.
func (t Table) Forget(name string) { _ = os.Remove(t.file(name)) }
