package container

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// stopPoll is the interval at which the end of the processes of a container is checked, and
// lastWait how long a first process that ignores the signal has to end after all others.
const (
	stopPoll = 20 * time.Millisecond
	lastWait = time.Second
)

// Stop is how a container is stopped.
type Stop struct {
	Signal   unix.Signal
	MainOnly bool // only the first process gets the signal
	Timeout  time.Duration
}

// BeginStop keeps the container's end pending until Stop has returned, see WaitStop. It must be
// called before Stop, on the goroutine that decides to stop.
func (r *Run) BeginStop() (ended func()) {
	stopped := make(chan struct{})
	r.stopped.Store(&stopped)
	return func() { close(stopped) }
}

// WaitStop waits until a Stop in progress has returned: the first process of a container may end
// before others that still have time to stop.
func (r *Run) WaitStop() {
	if stopped := r.stopped.Load(); stopped != nil {
		<-*stopped
	}
}

// Stop sends the signal to all processes of the container, and waits until they have ended. It
// returns the processes that have not ended within the timeout, as "12 (name), …", which the caller
// must kill, or "".
//
// A first process in its own pid namespace that does not handle the signal ignores it: a shell that
// waits for its children. If it does not end soon after them it is killed, as the signal would do
// outside of the namespace.
func (r *Run) Stop(stop Stop) (left string) {
	ignores := process.IgnoresSignal(r.Pid, stop.Signal)
	if stop.MainOnly || r.Cgroup == "" {
		if ignores {
			r.KillAll(r.Cgroup)
		}
		_ = r.Signal(stop.Signal, false) // fails only if it has exited
	} else {
		r.signalAll(stop.Signal)
	}
	alone := time.Now().Add(-lastWait) // without children it is killed at once
	for end := time.Now().Add(stop.Timeout); ; time.Sleep(stopPoll) {
		if left = r.others(); left != "" {
			alone = time.Now()
		}
		switch {
		case r.Ended() && (left == "" || stop.MainOnly):
			return ""
		case time.Now().After(end):
			if !r.Ended() {
				left = strings.TrimSuffix(describe(r.Pid)+", "+left, ", ")
			}
			return left
		case ignores && !r.Ended() && time.Since(alone) >= lastWait:
			r.KillAll(r.Cgroup)
		}
	}
}

// signalAll sends a signal to all processes of the container, and the end of the terminal to those
// with one: an interactive shell ignores SIGTERM.
func (r *Run) signalAll(sig unix.Signal) {
	r.Cgroup.Each(func(pid int) {
		_ = unix.Kill(pid, sig) // fails only if it has exited
		if process.HasTerminal(pid) {
			_ = unix.Kill(pid, unix.SIGHUP)
		}
	})
}

// maxListed is how many processes others names.
const maxListed = 5

// others lists the processes of the container besides its first.
func (r *Run) others() string {
	var names []string
	r.Cgroup.Each(func(pid int) {
		if pid != r.Pid && len(names) < maxListed {
			names = append(names, describe(pid))
		}
	})
	return strings.Join(names, ", ")
}

// describe returns the number and the name of a process.
func describe(pid int) string {
	number := strconv.Itoa(pid)
	return number + " (" + file.Line("/proc/"+number+"/comm") + ")"
}
