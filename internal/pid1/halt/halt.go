// Package halt ends the machine: it kills what still runs, unmounts what can be
// unmounted and calls reboot(2). Each step has a deadline; what does not end in
// time is left behind, since the machine goes down whatever happens.
package halt

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// How is the way a machine ends.
type How string

// Ways, by the names that records carry.
const (
	PowerOff How = "poweroff"
	Reboot   How = "reboot"
	Halt     How = "halt"
	Kexec    How = "kexec" // into the kernel that was loaded
)

var commands = map[How]int{
	PowerOff: unix.LINUX_REBOOT_CMD_POWER_OFF,
	Reboot:   unix.LINUX_REBOOT_CMD_RESTART,
	Halt:     unix.LINUX_REBOOT_CMD_HALT,
	Kexec:    unix.LINUX_REBOOT_CMD_KEXEC,
}

// Known reports whether it is one of the ways.
func (h How) Known() bool { _, known := commands[h]; return known }

// Now ends the machine. In a container it ends the container. Where the kernel
// refuses a kexec it reboots: by then nothing runs any more. It returns only
// when it is not allowed to.
func Now(how How) error {
	err := unix.Reboot(commands[how])
	if how == Kexec {
		err = unix.Reboot(commands[Reboot])
	}
	return err
}

// Deadlines of the steps.
const (
	termWait  = 3 * time.Second
	killWait  = 2 * time.Second
	syncWait  = 10 * time.Second
	mountWait = 2 * time.Second
	poll      = 20 * time.Millisecond
)

// KillAll sends every other process SIGTERM, and SIGKILL to those that are left
// after three seconds.
func KillAll(reaper *process.Reaper) {
	if reaper.Alone() {
		return
	}
	for _, step := range []struct {
		signal unix.Signal
		wait   time.Duration
	}{{unix.SIGTERM, termWait}, {unix.SIGKILL, killWait}} {
		_ = unix.Kill(-1, step.signal) // fails only when nobody is left
		if until(step.wait, reaper.Alone) {
			return
		}
	}
}

func until(d time.Duration, done func() bool) bool {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(poll) {
		if done() {
			return true
		}
	}
	return done()
}

// Sync writes all file systems back, and gives up waiting after a while.
func Sync() { within(syncWait, "sync", unix.Sync) }

// within runs fn and waits for it, no longer than d. It reports whether fn came back.
func within(d time.Duration, what string, fn func()) bool {
	done := make(chan struct{})
	guard.Go(what, func() {
		defer close(done)
		fn()
	})
	select {
	case <-done:
		return true
	case <-time.After(d):
		return false
	}
}
