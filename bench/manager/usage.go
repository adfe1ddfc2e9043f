package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what processes used of the machine between two looks.
type usage struct {
	pids  func() []int
	began map[int]float64 // seconds of processor, by process
	at    time.Time
	cores float64
}

func (u *usage) window(begin bool) {
	now, times := time.Now(), map[int]float64{}
	for _, pid := range u.pids() {
		times[pid] = processor(pid)
	}
	if begin {
		u.at, u.began = now, times
		return
	}
	seconds := 0.0
	for pid, t := range times {
		seconds += t - u.began[pid] // what has begun meanwhile, from its beginning
	}
	u.cores = seconds / now.Sub(u.at).Seconds()
}

// processor is the processor time of a process in seconds, 0 when it has ended.
func processor(pid int) float64 {
	f := stat(pid)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100 // ticks of Linux, as programs are told of them
}

// stat are the fields of /proc/PID/stat after the name.
func stat(pid int) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	return strings.Fields(rest)
}

// children are a process and those that it has started.
func children(pid int) []int {
	all := []int{pid}
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is right
	for _, d := range dirs {
		child, err := strconv.Atoi(filepath.Base(d))
		if err != nil {
			continue
		}
		if f := stat(child); len(f) > 1 && f[1] == strconv.Itoa(pid) {
			all = append(all, child)
		}
	}
	return all
}

// memory is a figure of /proc/PID/status in MiB, such as VmHWM, the most that was
// resident.
func memory(pid int, name string) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return kb / 1024
		}
	}
	return 0
}

// busy is the load of the machine, as the kernel says it.
func busy() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(data))[:3], " ")
}
