// Package pid1 is the first process of a LinuxKit machine, and all of it: the
// work of LinuxKit's /init, busybox init, rc.init, mdev, modprobe and service.
//
//	early     mounts, devices, root without a copy (package early)
//	modules   drivers for the devices there are (package modules)
//	network   loopback, host name, clock, limits; volumes; /etc/init.d
//	onboot    containers that run once, one after another
//	services  containers that stay, side by side (package supervise)
//	ready     every service is
//	shutdown  services, onshutdown, everybody else, file systems, power
//
// One goroutine, the loop (package loop), owns all state. The boot and the
// shutdown are sequences and so have a goroutine each, which tell the loop what
// came of every step. A shutdown can be asked for at any moment and ends a boot
// that hangs.
//
// PID 1 must not end, or the kernel panics. So no error ends anything: it is
// reported on the console (package console) together with what is lost by it,
// and the next step follows. Every wait has a deadline, every read a bound, no
// panic leaves a goroutine (package guard), and all signals are caught, since
// Go's runtime would end the process for most.
//
// The package links little: no fmt, no net, no encoding/json. A test names what
// may not come in.
package pid1

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/halt"
	"github.com/org/linuxkit-action/internal/pid1/modules"
)

// Version is set by the linker.
var Version = "dev"

const usage = `linuxkit-init is the first process of a LinuxKit machine: put it into the image as /init.
Under other names it is modprobe, poweroff, reboot and halt.
`

// Main does what the name it was called by stands for, and returns the exit
// code. As the first process of a machine it does not return.
func Main(args []string) int {
	name := ""
	if len(args) > 0 {
		name = filepath.Base(args[0])
	}
	switch {
	case name == "modprobe":
		return report(modules.Modprobe(args[1:]))
	case name == "poweroff" || name == "reboot" || name == "halt":
		return report(ask(halt.How(name), args[1:]))
	case os.Getpid() == 1:
		return boot(args)
	}
	_, _ = os.Stderr.WriteString(usage) // nowhere else to say it
	return 2
}

func report(err error) int {
	if err == nil {
		return 0
	}
	_, _ = os.Stderr.WriteString("linuxkit-init: " + err.Error() + "\n") // nowhere else to say it
	return 1
}

// ask tells PID 1 to end the machine, by busybox's signals. With -f it is done
// here and now.
func ask(how halt.How, args []string) error {
	for _, arg := range args {
		if arg == "-f" {
			unix.Sync()
			return os.NewSyscallError("reboot", halt.Now(how))
		}
	}
	for _, s := range signals {
		if s.how == how {
			return os.NewSyscallError("signal PID 1", unix.Kill(1, s.signal))
		}
	}
	return nil
}
