package process

import (
	"strconv"
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// Indexes in the fields of Stat (proc_pid_stat(5)).
const (
	StatParent   = 1
	statTerminal = 4
)

// Stat returns the fields of /proc/PID/stat that follow the name, which may contain spaces: the first
// one is the state. It is nil if the process is gone.
func Stat(pid int) []string {
	stat := file.Line("/proc/" + strconv.Itoa(pid) + "/stat")
	return strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
}

// HasTerminal reports whether a process has a controlling terminal.
func HasTerminal(pid int) bool {
	fields := Stat(pid)
	return len(fields) > statTerminal && fields[statTerminal] != "0"
}
