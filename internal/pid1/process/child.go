package process

import (
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/record"
)

// Lost is the status of a child that somebody else waited for: killed by SIGKILL,
// as far as anyone can tell.
const Lost = syscall.WaitStatus(unix.SIGKILL)

// Child is a process whose end will be told: one of PID 1's children, or one that
// is only watched.
type Child struct {
	Pid    int
	done   chan struct{}
	gone   chan struct{} // done, or closed before: it has ended, and how is not known yet
	status syscall.WaitStatus
	reaper *Reaper
	pidfd  *os.File // of somebody else's child (Watch), which has no reaper
}

// Done is closed when the child has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Ended reports whether the child has ended, of which Done may not yet tell.
func (c *Child) Ended() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}

// Status returns how the child ended. It may be called once Done is closed.
func (c *Child) Status() syscall.WaitStatus { return c.status }

// Signal sends a signal to the child, or to its process group, which somebody
// else's child (Watch) is not known to have. While the child
// is not reaped its pid is its own, so no other process can be hit; afterwards
// the signal goes nowhere.
func (c *Child) Signal(sig syscall.Signal, group bool) error {
	if c.reaper == nil {
		return c.signalOther(sig)
	}
	c.reaper.mu.Lock()
	defer c.reaper.mu.Unlock()
	if c.reaper.claimed[c.Pid] != c {
		return unix.ESRCH
	}
	if group {
		return unix.Kill(-c.Pid, sig)
	}
	return unix.Kill(c.Pid, sig)
}

// WaitFor waits until the child has ended, no longer than d, and reports whether it has.
func (c *Child) WaitFor(d time.Duration) bool {
	select {
	case <-c.done:
		return true
	case <-time.After(d):
		return false
	}
}

// Outcome says how a process ended: key is record.KeyExit or record.KeySignal, value a number
// or the name of the signal.
func Outcome(status syscall.WaitStatus) (key, value string) {
	if status.Signaled() {
		return record.KeySignal, SignalName(status.Signal())
	}
	return record.KeyExit, strconv.Itoa(status.ExitStatus())
}

// SignalName returns SIGTERM and the like, and SIG34 for one without a name.
func SignalName(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return name
	}
	return "SIG" + strconv.Itoa(int(sig))
}
