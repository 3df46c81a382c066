package process

import (
	"strconv"
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// Memory is the memory of a cgroup.
type Memory struct {
	Used  int64 // bytes
	Limit int64 // bytes; 0 without a limit
	Kills int   // processes that the kernel has killed for lack of memory
}

// Memory returns the memory of a cgroup of version 2 (Documentation/admin-guide/cgroup-v2.rst). It is
// zero for others, and for one that is gone.
func (g Cgroup) Memory() Memory {
	if g == "" {
		return Memory{}
	}
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(file.Line(string(g)+"/"+name), 10, 64) // "max" and a missing file are 0
		return n
	}
	events, _ := file.Read(string(g)+"/memory.events", maxStatus) // without it there are no kills
	return Memory{Used: number("memory.current"), Limit: number("memory.max"), Kills: kills(string(events))}
}

// kills returns oom_kill of memory.events.
func kills(events string) int {
	for line := range strings.Lines(events) {
		if count, found := strings.CutPrefix(line, "oom_kill "); found {
			n, _ := strconv.Atoi(strings.TrimSpace(count)) // the kernel writes a number
			return n
		}
	}
	return 0
}

// Cause describes why the kernel has killed a process in the cgroup.
func (m Memory) Cause() string {
	if m.Limit == 0 {
		return "out of memory, of the machine"
	}
	return "out of memory, limit " + FormatBytes(m.Limit)
}

// FormatBytes formats a number of bytes with a unit of two to four digits: 64M, 1500K.
func FormatBytes(n int64) string {
	for _, unit := range []string{"", "K", "M"} {
		if n < 10000 && (n%1024 != 0 || n < 1024) {
			return strconv.FormatInt(n, 10) + unit
		}
		n >>= 10
	}
	return strconv.FormatInt(n, 10) + "G"
}
