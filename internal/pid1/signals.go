package pid1

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/halt"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// signals are the signals that end the machine: busybox's, then systemd's. The kernel sends SIGINT
// for ctrl-alt-del.
var signals = []struct {
	signal unix.Signal
	how    halt.How
	cause  string
}{
	{signal: unix.SIGUSR1, how: halt.Halt, cause: "SIGUSR1"},
	{signal: unix.SIGUSR2, how: halt.PowerOff, cause: "SIGUSR2"},
	{signal: unix.SIGTERM, how: halt.Reboot, cause: "SIGTERM"},
	{signal: unix.SIGINT, how: halt.Reboot, cause: "ctrl-alt-del"},
	{signal: process.SIGRTMIN + 3, how: halt.Halt, cause: "SIGRTMIN+3"},
	{signal: process.SIGRTMIN + 4, how: halt.PowerOff, cause: "SIGRTMIN+4"},
	{signal: process.SIGRTMIN + 5, how: halt.Reboot, cause: "SIGRTMIN+5"},
	{signal: process.SIGRTMIN + 6, how: halt.Kexec, cause: "SIGRTMIN+6"},
}

// catchSignals catches every signal that can be caught, since the Go runtime exits for most of
// them. Exceptions: SIGCHLD is the reaper's, SIGURG the Go runtime's, and the stop signals have no
// effect on PID 1.
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

// serveSignals requests a shutdown for the signals that mean one, and ignores all others.
func (m *machine) serveSignals(caught <-chan os.Signal) {
	guard.Go("signals", func() {
		for got := range caught {
			for _, s := range signals {
				if got == s.signal {
					m.loop.Post(func() {
						m.logError(m.requestShutdown(s.how, s.cause), string(s.how)+" by "+s.cause)
					})
				}
			}
		}
	})
}

// end begins to end the machine in a way that is possible.
func (m *machine) requestShutdown(how halt.How, cause string) error {
	if err := halt.Check(how); err != nil {
		return err
	}
	m.shutdown(how, cause)
	return nil
}

// disableCtrlAltDel makes the kernel send SIGINT for ctrl-alt-del instead of resetting the machine.
func disableCtrlAltDel() error {
	return os.NewSyscallError("reboot(CAD_OFF)", unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF))
}
