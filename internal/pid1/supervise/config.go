package supervise

import (
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/config"
)

// settle is how long the process of a service runs that proves nothing else until
// it counts as ready. A command that fails at once is not ready for an instant.
const settle = 100 * time.Millisecond

// FromConfig returns a service that is run as c says, with its bundle in dir.
func FromConfig(c config.Service, dir string) Service {
	return Service{
		Name: c.Name, Dir: dir,
		After: c.After, Requires: c.Requires,
		Restart:      Restart(c.Restart),
		Backoff:      Backoff(c.Backoff),
		StartLimit:   StartLimit(c.StartLimit),
		Ready:        c.Ready,
		ReadyTimeout: c.ReadyTimeout,
		Settle:       settle,
		Stop:         Stop{Signal: signalOf(c.Stop.Signal), Timeout: c.Stop.Timeout},
		Env:          c.Env,
	}
}

// rtMin is SIGRTMIN of the C library, which keeps two of the kernel's for itself.
const rtMin = 34

// signalOf returns the signal that package config knows by that name.
func signalOf(name string) syscall.Signal {
	if number, isRealTime := strings.CutPrefix(name, "SIGRTMIN+"); isRealTime {
		i, _ := strconv.Atoi(number) // package config has read it
		return syscall.Signal(rtMin + i)
	}
	return unix.SignalNum(name)
}
