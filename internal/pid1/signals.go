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
	{unix.SIGUSR1, halt.Halt, "SIGUSR1"},
	{unix.SIGUSR2, halt.PowerOff, "SIGUSR2"},
	{unix.SIGTERM, halt.Reboot, "SIGTERM"},
	{unix.SIGINT, halt.Reboot, "ctrl-alt-del"},
	{rtMin + 3, halt.Halt, "SIGRTMIN+3"},
	{rtMin + 4, halt.PowerOff, "SIGRTMIN+4"},
	{rtMin + 5, halt.Reboot, "SIGRTMIN+5"},
	{rtMin + 6, halt.Kexec, "SIGRTMIN+6"},
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
	if err := halt.Possible(how); err != nil {
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
