package boottest

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/spec"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// maxDisks is the limit on the disks of a guest together.
const maxDisks = spec.Size(64 << 30)

// maxTimeout is the limit of --timeout, as of the spec's timeout.
const maxTimeout = 30 * time.Minute

// host is the machine that runs the test.
type host struct {
	memory int // available, in MiB; 0 if unknown
	cpus   int
}

func thisHost() host { return host{memory: availableMemory(), cpus: runtime.NumCPU()} }

// availableMemory reads MemAvailable of /proc/meminfo (proc(5)), in MiB.
func availableMemory() int {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "MemAvailable:" {
			kib, _ := strconv.Atoi(fields[1])
			return kib >> 10
		}
	}
	return 0
}

// resources returns the spec with the settings of the command line, which take precedence.
// A spec comes from a repository: it must not ask for more than the host has.
func resources(s spec.Spec, o Options, h host) (spec.Spec, error) {
	if o.Memory < 0 || o.CPUs < 0 || o.Timeout < 0 || o.Timeout > maxTimeout {
		return s, fmt.Errorf("%w boot test: --memory, --cpus and --timeout must not be negative, and --timeout at most %v", ErrSpec, maxTimeout)
	}
	memory, cpus := strict.At.Problem, strict.At.Problem
	if o.Memory > 0 {
		s.Memory, memory = o.Memory, flagProblem
	}
	if o.CPUs > 0 {
		s.CPUs, cpus = o.CPUs, flagProblem
	}
	var problems []strict.Problem
	if h.memory > 0 && s.Memory > h.memory {
		problems = append(problems, memory(s.At, "memory", "%d MiB is more than the %d MiB that this machine has free", s.Memory, h.memory))
	}
	if s.CPUs > h.cpus {
		problems = append(problems, cpus(s.At, "cpus", "%d is more than the %d processors of this machine", s.CPUs, h.cpus))
	}
	var disks spec.Size
	for _, d := range s.Disks {
		disks += d.Size
		if d.Size > maxDisks || disks > maxDisks {
			problems = append(problems, s.Problem("disks", "are larger than %v together", maxDisks))
			break
		}
	}
	return s, strict.Join(problems)
}

// flagProblem is the problem of a flag, which has no place in a file.
func flagProblem(_ strict.At, key, format string, args ...any) strict.Problem {
	return strict.Problem{Path: "--" + key, Text: fmt.Sprintf(format, args...)}
}
