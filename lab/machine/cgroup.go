package machine

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const cgroups = "/sys/fs/cgroup"

// unified reports whether there is one tree of cgroups (version 2) and no other.
func unified() bool {
	_, err := os.Stat(filepath.Join(cgroups, "cgroup.controllers"))
	return err == nil
}

// controllers are the cgroup controllers that can be used.
func controllers() []string {
	if unified() {
		text, _ := os.ReadFile(filepath.Join(cgroups, "cgroup.controllers"))
		return strings.Fields(string(text))
	}
	var names []string
	for _, tree := range trees() {
		names = append(names, strings.Split(filepath.Base(tree), ",")...)
	}
	return names // the tree without controllers is among them, which does no harm
}

// trees are the roots of all cgroup hierarchies, in version 1 also that of version
// 2 beside them, which runc uses too.
func trees() []string {
	if unified() {
		return []string{cgroups}
	}
	var roots []string
	for _, m := range mounts() {
		if (m.kind == "cgroup" || m.kind == "cgroup2") && filepath.Dir(m.point) == cgroups {
			roots = append(roots, m.point)
		}
	}
	return roots
}

// MakeCgroups makes the lab's cgroup in every hierarchy: the kubelet wants its
// root to be there.
func MakeCgroups(name string) error {
	for _, tree := range trees() {
		if err := os.MkdirAll(filepath.Join(tree, name), 0o755); err != nil {
			return fmt.Errorf("making cgroup %s: %w", name, err)
		}
	}
	return nil
}

// CgroupProcesses are the pids of all processes in the lab's cgroup.
func CgroupProcesses(name string) []int {
	var pids []int
	for _, tree := range trees() {
		_ = filepath.WalkDir(filepath.Join(tree, name), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil //nolint:nilerr // a cgroup may go while it is looked at
			}
			text, _ := os.ReadFile(filepath.Join(path, "cgroup.procs"))
			for line := range bytes.Lines(text) {
				if pid, err := strconv.Atoi(string(bytes.TrimSpace(line))); err == nil {
					pids = append(pids, pid)
				}
			}
			return nil
		})
	}
	slices.Sort(pids)
	return slices.Compact(pids)
}

// RemoveCgroups removes the lab's cgroup, from the leaves up.
func RemoveCgroups(name string) error {
	for _, tree := range trees() {
		var dirs []string
		root := filepath.Join(tree, name)
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		slices.Reverse(dirs)
		for _, dir := range dirs {
			_ = os.Remove(dir)
		}
		if _, err := os.Stat(root); err == nil {
			return fmt.Errorf("removing cgroup %s: it is still in use", root)
		}
	}
	return nil
}

type mount struct{ point, kind string }

// mounts are this process' mounts, in the order in which they were made.
func mounts() []mount {
	file, err := os.Open("/proc/self/mounts")
	if err != nil {
		return nil
	}
	defer file.Close()
	var all []mount
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 2 {
			all = append(all, mount{point: unescape.Replace(fields[1]), kind: fields[2]})
		}
	}
	return all
}

var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
