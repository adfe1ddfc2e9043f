package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// outside are the folders that the lab's programs write to whatever they are told.
func outside() []string {
	return []string{
		"/var/log/pods", "/var/log/containers", "/var/lib/kubelet", "/usr/libexec/kubernetes",
		"/var/lib/cni", "/run/containerd", "/run/runc", "/opt/containerd", "/etc/cni",
		"/run/netns", "/var/run/kubernetes", "/run/flannel",
	}
}

// settings are the kernel's settings that the kubelet changes.
func settings() []string {
	return []string{
		"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
		"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
	}
}

// Before is what was there before the lab.
type Before struct {
	Present  []string          `json:"present"`
	Settings map[string]string `json:"settings"`
}

// Note writes down what is there now, unless an earlier note is there: then the
// lab has already begun to change things.
func Note(file string) error {
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	b := Before{Settings: map[string]string{}}
	for _, path := range outside() {
		if _, err := os.Lstat(path); err == nil {
			b.Present = append(b.Present, path)
		}
	}
	for _, name := range settings() {
		if text, err := os.ReadFile(filepath.Join("/proc/sys", name)); err == nil {
			b.Settings[name] = strings.TrimSpace(string(text))
		}
	}
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+"~", text, 0o600); err != nil {
		return fmt.Errorf("noting the state of the machine: %w", err)
	}
	return os.Rename(file+"~", file)
}

// Restore brings back the settings in the note and removes the folders that were
// not there. Without a note there is nothing to do.
func Restore(file string) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var b Before
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	if err != nil {
		return fmt.Errorf("reading the note on the machine's state: %w", err)
	}
	var errs []error
	for name, value := range b.Settings {
		path := filepath.Join("/proc/sys", name)
		if now, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(now)) == value {
			continue
		}
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
			errs = append(errs, fmt.Errorf("restoring %s: %w", name, err))
		}
	}
	for _, path := range outside() {
		if !slices.Contains(b.Present, path) {
			errs = append(errs, os.RemoveAll(path))
		}
	}
	return errors.Join(errs...)
}

// Unmount takes down everything that is mounted below dir, the last mounted first.
func Unmount(dir string) error {
	all := mounts()
	slices.Reverse(all)
	var errs []error
	for _, m := range all {
		if !strings.HasPrefix(m.point, dir+"/") {
			continue
		}
		if err := unix.Unmount(m.point, 0); err == nil {
			continue
		}
		if err := unix.Unmount(m.point, unix.MNT_DETACH); err != nil {
			errs = append(errs, fmt.Errorf("unmounting %s: %w", m.point, err))
		}
	}
	return errors.Join(errs...)
}

// ForgetContainers removes the links in /var/log/containers that lead into dir,
// and what the network plugins remember about the network of that name.
func ForgetContainers(dir, network string) {
	links, _ := filepath.Glob("/var/log/containers/*")
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && strings.HasPrefix(to, dir+"/") {
			_ = os.Remove(link)
		}
	}
	results, _ := filepath.Glob("/var/lib/cni/results/" + network + "-*")
	for _, file := range results {
		_ = os.Remove(file)
	}
}
