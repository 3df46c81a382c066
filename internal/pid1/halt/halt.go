// Package halt contains the last steps of a shutdown: kill all processes, write all data to
// disk (sync, swapoff, unmount, sync) and call reboot(2). Each step has a timeout of its own,
// after which the next one begins: the machine goes down in any case, and a step that is
// slow takes no time from those that save data.
package halt

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// How is a kind of shutdown. Its values are those of record.KeyHow.
type How string

// Kinds of shutdown.
const (
	PowerOff How = "poweroff"
	Reboot   How = "reboot"
	Halt     How = "halt"
	Kexec    How = "kexec" // boot the kernel that was loaded with kexec_load(2)
)

var commands = map[How]int{
	PowerOff: unix.LINUX_REBOOT_CMD_POWER_OFF,
	Reboot:   unix.LINUX_REBOOT_CMD_RESTART,
	Halt:     unix.LINUX_REBOOT_CMD_HALT,
	Kexec:    unix.LINUX_REBOOT_CMD_KEXEC,
}

// Known reports whether h is one of the kinds.
func (h How) Known() bool { _, known := commands[h]; return known }

// Signal returns the signal that makes PID 1 begin this kind of shutdown: that of busybox, or of
// systemd for a kexec.
func (h How) Signal() unix.Signal {
	return map[How]unix.Signal{
		PowerOff: unix.SIGUSR2, Reboot: unix.SIGTERM, Halt: unix.SIGUSR1, Kexec: process.SIGRTMIN + 6,
	}[h]
}

// ErrNoKernel is the error of Check for a kexec without a loaded kernel.
var ErrNoKernel = errors.New("no kernel is loaded; load one with kexec -l of kexec-tools")

// kexecLoaded contains "1" if a kernel is loaded
// (Documentation/ABI/testing/sysfs-kernel-kexec_loaded).
const kexecLoaded = "/sys/kernel/kexec_loaded"

// Check returns an error if the kind of shutdown is not possible now.
func Check(how How) error { return check(how, kexecLoaded) }

func check(how How, loaded string) error {
	if how == Kexec && file.Line(loaded) != "1" {
		return ErrNoKernel
	}
	return nil
}

// Now calls reboot(2). In a container that ends the container. If the kernel refuses a
// kexec it reboots, because no process runs any more. Now returns only on error.
func Now(how How) error {
	err := unix.Reboot(commands[how])
	if how == Kexec {
		err = unix.Reboot(commands[Reboot])
	}
	return err
}

// Timeouts of the steps.
const (
	termWait  = 3 * time.Second
	killWait  = 2 * time.Second
	syncWait  = 30 * time.Second
	swapWait  = 20 * time.Second // of all swap areas
	mountWait = 2 * time.Second  // of one mount
	loopWait  = 2 * time.Second  // of all loop devices
	poll      = 20 * time.Millisecond
)

// KillAll sends SIGTERM to all other processes, and after termWait SIGKILL to the rest.
func KillAll(reaper *process.Reaper) {
	if reaper.NoChildren() {
		return
	}
	for _, step := range []struct {
		signal unix.Signal
		wait   time.Duration
	}{{unix.SIGTERM, termWait}, {unix.SIGKILL, killWait}} {
		_ = unix.Kill(-1, step.signal) // ESRCH: no process is left
		if waitUntil(step.wait, reaper.NoChildren) {
			return
		}
	}
}

// waitUntil polls done until it is true, for at most d. It returns whether it was.
func waitUntil(d time.Duration, done func() bool) bool {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(poll) {
		if done() {
			return true
		}
	}
	return done()
}

// Sync writes all file systems to disk, and waits for at most syncWait.
func Sync() error { return attempt(syncWait, "sync", "all file systems", sync) }

func sync() error {
	unix.Sync()
	return nil
}

// Close writes all data to disk and closes all file systems: sync, swapoff, unmount, sync. It
// returns the errors of all steps; none of them stops the next one.
func Close() error {
	return errors.Join(Sync(), swapOff(), unmountAll(), Sync())
}
