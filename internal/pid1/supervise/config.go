package supervise

import (
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// minUptime is how long the process of a service without a readiness setting must run to be
// ready, so that a command that fails at once is never ready.
const minUptime = 100 * time.Millisecond

// FromConfig returns the service configured by c, with its bundle in dir.
func FromConfig(c config.Service, dir string) Service {
	return Service{
		Name: c.Name, Dir: dir,
		After: c.After, Requires: c.Requires, StopWith: c.StopWith,
		Restart:        Restart(c.Restart),
		Backoff:        Backoff(c.Backoff),
		StartLimit:     StartLimit(c.StartLimit),
		Ready:          c.Ready,
		ReadyTimeout:   c.ReadyTimeout,
		RestartUnready: c.OnUnready == "restart",
		Watchdog:       c.Watchdog,
		MinUptime:      minUptime,
		Stop: container.Stop{
			Signal: signalOf(c.Stop.Signal), MainOnly: c.Stop.Who == "main", Timeout: c.Stop.Timeout,
		},
		EnvFile: c.EnvFile,
		Env:     c.Env,
	}
}

// signalOf returns the signal with a name that package config accepts.
func signalOf(name string) syscall.Signal {
	if number, isRealTime := strings.CutPrefix(name, "SIGRTMIN+"); isRealTime {
		i, _ := strconv.Atoi(number) // package config has checked it
		return syscall.Signal(process.SIGRTMIN + i)
	}
	return unix.SignalNum(name)
}
