package pid1

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/halt"
)

// rtMin is SIGRTMIN of the C library: it keeps two of the kernel's for itself.
const rtMin = 34

// signals that end the machine: busybox's first, then systemd's. The kernel
// sends SIGINT for ctrl-alt-del.
var signals = []struct {
	signal unix.Signal
	how    halt.How
	cause  string
}{
	{signal: unix.SIGUSR1, how: halt.Halt, cause: "SIGUSR1"},
	{signal: unix.SIGUSR2, how: halt.PowerOff, cause: "SIGUSR2"},
	{signal: unix.SIGTERM, how: halt.Reboot, cause: "SIGTERM"},
	{signal: unix.SIGINT, how: halt.Reboot, cause: "ctrl-alt-del"},
	{signal: rtMin + 3, how: halt.Halt, cause: "SIGRTMIN+3"},
	{signal: rtMin + 4, how: halt.PowerOff, cause: "SIGRTMIN+4"},
	{signal: rtMin + 5, how: halt.Reboot, cause: "SIGRTMIN+5"},
	{signal: rtMin + 6, how: halt.Kexec, cause: "SIGRTMIN+6"},
}

// catchSignals catches every signal that can be: for most of those nobody asks
// for, Go's runtime would end the process. SIGCHLD is the reaper's, SIGURG the
// runtime's own, and the stop signals do nothing to a first process.
func catchSignals() <-chan os.Signal {
	caught := make(chan os.Signal, 64)
	for s := unix.Signal(1); s <= 64; s++ {
		switch s {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD, unix.SIGURG, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU, 32, 33:
			continue
		}
		signal.Notify(caught, s)
	}
	return caught
}

// serveSignals asks for a shutdown at the signals that mean one, and overlooks all others.
func (m *machine) serveSignals(caught <-chan os.Signal) {
	guard.Go("signals", func() {
		for got := range caught {
			for _, s := range signals {
				if got == s.signal {
					m.loop.Post(func() { m.note(m.end(s.how, s.cause), string(s.how)+" by "+s.cause) })
				}
			}
		}
	})
}

// end begins to end the machine in a way that is possible.
func (m *machine) end(how halt.How, cause string) error {
	if err := halt.Check(how); err != nil {
		return err
	}
	m.shutdown(how, cause)
	return nil
}

// disableCtrlAltDel makes the kernel send SIGINT instead of resetting the
// machine. Where it cannot be had, ctrl-alt-del resets at once.
func disableCtrlAltDel() error {
	return os.NewSyscallError("ctrl-alt-del resets the machine at once: reboot(CAD_OFF)", unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF))
}
