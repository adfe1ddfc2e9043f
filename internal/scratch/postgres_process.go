package scratch

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/agentrun/internal/fail"
)

// debianPostgres is where Debian keeps Postgres: out of PATH, a folder a version.
const debianPostgres = "/usr/lib/postgresql"

// postgresPrograms is the folder that holds initdb and postgres: that in PATH,
// or else the newest version in versions.
func postgresPrograms(versions string) (string, error) {
	initdb, err := exec.LookPath("initdb")
	if err != nil {
		found, err := filepath.Glob(filepath.Join(versions, "*", "bin", "initdb"))
		if err != nil || len(found) == 0 {
			return "", fail.Fail("initdb", "apt-get install postgresql", "Postgres is not installed: %w", exec.ErrNotFound)
		}
		version := func(path string) int {
			n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // 0 for a folder of another name
			return n
		}
		initdb = slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(version(a), version(b)) })
	}
	initdb, err = filepath.EvalSymlinks(initdb)
	if err != nil {
		return "", fmt.Errorf("looking for postgres: %w", err)
	}
	return filepath.Dir(initdb), nil
}

// command prepares one of the programs, to be run as a user that Postgres
// accepts. Of this process's environment it gets the search path alone.
func (p *Postgres) command(program string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(filepath.Join(p.programs, program), args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.Dir = "/"
	if os.Geteuid() != 0 {
		return cmd, nil
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: who,
		// The folder may lie below one that only root can enter, as a test's does.
		AmbientCaps: []uintptr{unix.CAP_DAC_OVERRIDE},
	}
	return cmd, nil
}

// unprivileged is the user postgres, or else nobody.
func unprivileged() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fail.Fail("/etc/passwd", "run it as another user, or add the user postgres",
			"root may not run Postgres, and there is neither a user postgres nor nobody")
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("reading the uid of %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("reading the gid of %s: %w", u.Username, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
