package process

import (
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/record"
)

// StatusLost is the status of a child whose exit status is unknown because another process waited
// for it. It reads as killed by SIGKILL.
const StatusLost = syscall.WaitStatus(unix.SIGKILL)

// Child is a process that PID 1 waits for: a child of PID 1, or a process that it only watches
// (Watch).
type Child struct {
	Pid    int
	done   chan struct{}
	gone   chan struct{} // closed when the process has exited; its status may not be known yet
	status syscall.WaitStatus
	reaper *Reaper
	pidfd  *os.File // of a watched process, which has no reaper
}

// Done is closed when the process has exited and its status is known.
func (c *Child) Done() <-chan struct{} { return c.done }

// Ended reports whether the process has exited. Its status may not be known yet.
func (c *Child) Ended() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}

// Status returns the wait status. It must not be called before Done is closed.
func (c *Child) Status() syscall.WaitStatus { return c.status }

// Signal sends a signal to the child, or to its process group; the group of a watched process is
// not known. A child that is not reaped keeps its pid, so no other process can be hit; later
// signals fail with ESRCH.
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

// WaitFor waits until the child has ended, at most d, and reports whether it has.
func (c *Child) WaitFor(d time.Duration) bool {
	select {
	case <-c.done:
		return true
	case <-time.After(d):
		return false
	}
}

// Outcome is how a process ended, as a key and value of a record: record.KeyExit or KeyCode with
// the exit status, KeySignal with the name of the signal, or KeyError with the reason why it did not
// run to its end.
type Outcome struct{ Key, Value string }

// OutcomeOf returns the outcome of a wait status.
func OutcomeOf(status syscall.WaitStatus) Outcome {
	if status.Signaled() {
		return Outcome{record.KeySignal, SignalName(status.Signal())}
	}
	return Outcome{record.KeyExit, strconv.Itoa(status.ExitStatus())}
}

// ErrorOutcome returns the outcome of a process that could not be run to its end.
func ErrorOutcome(err error) Outcome { return Outcome{record.KeyError, err.Error()} }

// Success reports whether the process has exited with status 0.
func (o Outcome) Success() bool {
	return (o.Key == record.KeyExit || o.Key == record.KeyCode) && o.Value == "0"
}

func (o Outcome) String() string { return o.Key + " " + o.Value }

// SIGRTMIN is the first real-time signal of the C library, which reserves two of the kernel's.
const SIGRTMIN = 34

// SignalName returns the name of a signal, such as SIGTERM, or SIG34 for a signal without a name.
func SignalName(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return name
	}
	return "SIG" + strconv.Itoa(int(sig))
}
