package process

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
	"github.com/org/linuxkit-action/internal/pid1/guard"
)

// cgroupRoot is the mount point of cgroups, and the limits of what is read below it.
const (
	cgroupRoot = "/sys/fs/cgroup"
	maxStatus  = 64 << 10
	maxProcs   = 4 << 20 // of cgroup.procs, about half a million processes
	maxDepth   = 16      // of nested cgroups
)

// Cgroup is the directory of the cgroup that the processes of a container are in: of version 2, or
// of a version 1 hierarchy. It is "" for processes in PID 1's own cgroup, which cannot be killed as
// a whole.
type Cgroup string

// CgroupOf returns the cgroup of a process.
func CgroupOf(pid int) Cgroup {
	return cgroupOf(cgroupRoot, cgroups("self"), cgroups(strconv.Itoa(pid)))
}

// cgroups returns the lines of /proc/PID/cgroup (cgroups(7)), one a hierarchy, or nil if the
// process is gone.
func cgroups(pid string) []string {
	data, err := file.Read("/proc/"+pid+"/cgroup", maxStatus)
	if err != nil {
		return nil // the process is gone
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// cgroupOf returns the first directory of target that is not in own, PID 1's cgroups. The version 2
// hierarchy is the last line and is preferred.
func cgroupOf(root string, own, target []string) Cgroup {
	for _, line := range slices.Backward(target) {
		fields := strings.SplitN(line, ":", 3) // number, controllers, path
		if len(fields) < 3 || slices.Contains(own, line) || fields[2] == "/" || strings.Contains(fields[2], "..") {
			continue
		}
		dir := filepath.Join(root, strings.TrimPrefix(fields[1], "name="), fields[2])
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
			return Cgroup(dir)
		}
	}
	return ""
}

// KillAll kills the child and all processes in its cgroup, and returns at once. Without cgroup.kill
// (version 2, Linux 5.14) it kills the child, and with it the rest of its pid namespace, and then
// each process in the cgroup.
func (c *Child) KillAll(g Cgroup) {
	if g != "" && file.Write(string(g)+"/cgroup.kill", "1") == nil {
		return
	}
	_ = c.Signal(unix.SIGKILL, false) // fails only when it has ended
	if g != "" {
		guard.Go("kill of "+string(g), g.killEach)
	}
}

// killPause is the pause between two rounds of killEach that found no new process.
const killPause = 10 * time.Millisecond

// killEach kills the processes of a cgroup one by one until none is left, for at most killWait. A
// killed process cannot fork, so without a pause between rounds it is faster than processes that
// fork.
func (g Cgroup) killEach() {
	known := map[int]bool{}
	for end := time.Now().Add(killWait); time.Now().Before(end); {
		before, found := len(known), false
		each(string(g), maxDepth, func(pid int) {
			if unix.Kill(pid, unix.SIGKILL) == nil {
				known[pid], found = true, true
			}
		})
		if !found {
			return
		}
		if len(known) == before {
			time.Sleep(killPause)
		}
	}
}

// Each calls fn for all processes in a cgroup and its children, zombies excepted.
func (g Cgroup) Each(fn func(pid int)) {
	if g != "" {
		each(string(g), maxDepth, fn)
	}
}

// each calls fn for the processes in a cgroup and its children.
func each(dir string, depth int, fn func(pid int)) {
	data, _ := file.Read(dir+"/cgroup.procs", maxProcs) // a cgroup that is gone has no processes
	for _, field := range strings.Fields(string(data)) {
		pid, err := strconv.Atoi(field) // 0 is a process outside of this pid namespace
		if err == nil && pid > 1 && pid != os.Getpid() {
			fn(pid)
		}
	}
	if depth > 0 {
		file.Dir(dir, func(name string, isDir bool) {
			if isDir {
				each(dir+"/"+name, depth-1, fn)
			}
		})
	}
}

// IgnoresSignal reports whether sig, whose default action ends a process, has no effect on this
// one: the kernel drops signals with default action for the first process of a pid namespace, which
// a container's process is. A process that catches, ignores or blocks the signal handles it itself,
// and is not reported.
func IgnoresSignal(pid int, sig unix.Signal) bool {
	data, err := file.Read("/proc/"+strconv.Itoa(pid)+"/status", maxStatus)
	if err != nil {
		return false // send the signal and wait for the timeout
	}
	var first bool
	var handled uint64
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(line, ":")
		switch key {
		case "NSpid":
			ids := strings.Fields(value)
			first = len(ids) > 0 && ids[len(ids)-1] == "1"
		case "SigCgt", "SigIgn", "SigBlk":
			mask, _ := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			handled |= mask
		}
	}
	return first && handled&(1<<(uint(sig)-1)) == 0
}
