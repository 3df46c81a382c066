// Package pid1 is the first process of a LinuxKit machine, and all of it: the
// work of LinuxKit's /init, busybox init, rc.init, mdev, modprobe and service.
//
//	early     mounts, devices, root without a copy (package early)
//	modules   drivers for the devices there are (package modules)
//	network   loopback, host name, clock, limits; volumes; /etc/init.d
//	onboot    containers that run once, one after another
//	services  containers that stay, side by side (package supervise), run by
//	          containerd where the image has it (package containerd)
//	ready     every service is
//	shutdown  services, onshutdown, everybody else, file systems, power
//
// How a machine is to be run says /etc/init/config.yml (package config), where
// somebody has written one.
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
// Once the machine runs the same program is its operator's tool: linuxkit-init
// status, stop and the like ask PID 1 on a socket (package control).
//
// The package links little: no fmt, no net, no encoding/json. A test names what
// may not come in.
package pid1

import (
	"os"
	"path/filepath"

	"github.com/org/linuxkit-action/internal/pid1/containerd"
	"github.com/org/linuxkit-action/internal/pid1/halt"
	"github.com/org/linuxkit-action/internal/pid1/modules"
)

// Version is set by the linker.
var Version = "dev"

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
	case halt.How(name).Known():
		return end(halt.How(name), args[1:])
	case name == containerd.Name:
		return between(args)
	case name == ownName && len(args) > 1 && isCommand(args[1]): // in a container it may be first, and is no init there
		return command(args[1:])
	case os.Getpid() == 1:
		return boot(args)
	}
	return command(args[min(1, len(args)):])
}
