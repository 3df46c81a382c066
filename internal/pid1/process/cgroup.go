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

const (
	cgroupRoot = "/sys/fs/cgroup"
	maxStatus  = 64 << 10
	maxProcs   = 4 << 20 // bytes of cgroup.procs, half a million processes
	maxDepth   = 16      // of cgroups within a container's
)

// Cgroup is the directory of the cgroup that a container's processes are in: of
// version 2, or of a hierarchy of version 1. It is "" where they have none that
// could be killed as a whole, since PID 1 is in the same.
type Cgroup string

// CgroupOf returns the cgroup a process is in.
func CgroupOf(pid int) Cgroup {
	return cgroupOf(cgroupRoot, cgroups("self"), cgroups(strconv.Itoa(pid)))
}

// cgroups returns the lines of /proc/PID/cgroup (cgroups(7)), one a hierarchy.
func cgroups(pid string) []string {
	data, err := file.Read("/proc/"+pid+"/cgroup", maxStatus)
	if err != nil {
		return nil // the process is gone, and has nothing left to kill
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// cgroupOf returns the first directory that is theirs and not PID 1's own. The
// hierarchy of version 2 is the last in the list, and the one to be preferred.
func cgroupOf(root string, own, theirs []string) Cgroup {
	for _, line := range slices.Backward(theirs) {
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

// KillAll kills the child and all in its cgroup. It does not wait. Where the
// cgroup cannot be killed as one (cgroup.kill, version 2 and Linux 5.14) the
// child is, and in a pid namespace of its own all others go with it; for those
// without, every process in the cgroup is killed one by one.
func (c *Child) KillAll(g Cgroup) {
	if g != "" && file.Write(string(g)+"/cgroup.kill", "1") == nil {
		return
	}
	_ = c.Signal(unix.SIGKILL, false) // fails only when it has ended
	if g != "" {
		guard.Go("kill of "+string(g), g.killEach)
	}
}

// killPause is how long to wait for processes to go that have been killed.
const killPause = 10 * time.Millisecond

// killEach kills the processes one by one until none is left, no longer than
// killWait. One that is killed does not fork any more; so as long as there are
// new ones it does not pause, and is faster than they are.
func (g Cgroup) killEach() {
	known := map[int]bool{}
	for end := time.Now().Add(killWait); time.Now().Before(end); {
		before := len(known)
		if !kill(string(g), maxDepth, known) {
			return
		}
		if len(known) == before {
			time.Sleep(killPause)
		}
	}
}

// kill sends SIGKILL to all in a cgroup and those within, adds them to known,
// and returns whether anybody was there.
func kill(dir string, depth int, known map[int]bool) (found bool) {
	data, _ := file.Read(dir+"/cgroup.procs", maxProcs) // a cgroup that is gone has no processes
	for _, field := range strings.Fields(string(data)) {
		pid, err := strconv.Atoi(field) // 0 is one that this pid namespace does not see
		if err == nil && pid > 1 && pid != os.Getpid() && unix.Kill(pid, unix.SIGKILL) == nil {
			known[pid], found = true, true
		}
	}
	if depth > 0 {
		file.Dir(dir, func(name string, isDir bool) {
			if isDir && kill(dir+"/"+name, depth-1, known) {
				found = true
			}
		})
	}
	return found
}

// Shrugs reports whether a signal that would end a process has no effect on
// this one: the kernel keeps default actions from the first process of a pid
// namespace, which is what a container's process is. A process that catches,
// ignores or blocks the signal knows what it does.
func Shrugs(pid int, sig unix.Signal) bool {
	data, err := file.Read("/proc/"+strconv.Itoa(pid)+"/status", maxStatus)
	if err != nil {
		return false // it is sent the signal and has its deadline
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

// DevNull opens the standard input of every child.
func DevNull() (*os.File, error) { return os.OpenFile(os.DevNull, os.O_RDWR, 0) }
