package process

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

const (
	cgroupRoot = "/sys/fs/cgroup"
	maxStatus  = 64 << 10
)

// Cgroup is the path of a cgroup of version 2 below /sys/fs/cgroup, or "" where
// a process has none that could be killed as a whole: under version 1, and when
// it is in the same one as PID 1.
type Cgroup string

// CgroupOf returns the cgroup a process is in.
func CgroupOf(pid int) Cgroup {
	own, theirs := unified("self"), unified(strconv.Itoa(pid))
	if theirs == own || theirs == "/" {
		return ""
	}
	return Cgroup(theirs)
}

// unified reads the line of version 2 in /proc/PID/cgroup (cgroups(7)).
func unified(pid string) string {
	data, err := file.Read("/proc/"+pid+"/cgroup", maxStatus)
	if err != nil {
		return "" // the process is gone, and has nothing left to kill
	}
	for line := range strings.Lines(string(data)) {
		if path, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); found {
			return path
		}
	}
	return ""
}

// Kill kills every process in the cgroup (cgroup.kill, Linux 5.14).
func (g Cgroup) Kill() error {
	if g == "" {
		return unix.ENOENT
	}
	return file.Write(cgroupRoot+string(g)+"/cgroup.kill", "1")
}

// KillAll kills the child and all in its cgroup. Where the cgroup cannot be
// killed the process is: in a pid namespace of its own all others go with it.
func (c *Child) KillAll(g Cgroup) {
	if g.Kill() != nil {
		_ = c.Signal(unix.SIGKILL, false) // fails only when it has ended
	}
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
