// Package pid1 is PID 1 of a LinuxKit machine. It replaces LinuxKit's /init, busybox init, rc.init,
// mdev, modprobe and service.
//
//	early     mounts, devices, the root (package early)
//	modules   kernel modules for the devices (package modules)
//	network   loopback, host name, clock, limits; volumes; /etc/init.d
//	onboot    containers that run once, one after another
//	services  long-running containers (package supervise), run by
//	          containerd if the image has it (package containerd)
//	ready     every service is ready
//	shutdown  services, onshutdown, other processes, file systems, power
//
// /etc/init/config.yml (package config) configures it and is optional.
//
// One goroutine, the loop (package loop), owns all state. The boot and the shutdown are sequences
// with a goroutine each, which post the result of every step to the loop. A shutdown can be
// requested at any time, and interrupts a boot that hangs.
//
// The kernel panics if PID 1 exits. So no error is fatal: it is logged to the console (package
// console) with what it affects, and the next step follows. Every wait has a deadline and every
// read a limit, no panic leaves a goroutine (package guard), and all signals are caught, since the
// Go runtime exits for most of them.
//
// On a running machine the same program is the operator's tool: linuxkit-init status, stop and so
// on send requests to PID 1 on a socket (package control).
//
// PID 1 must stay small: no fmt, net or encoding/json. A test lists the forbidden imports.
package pid1

import (
	"os"
	"path/filepath"

	"github.com/org/linuxkit-action/internal/pid1/containerd"
	"github.com/org/linuxkit-action/internal/pid1/halt"
	"github.com/org/linuxkit-action/internal/pid1/modules"
)

// Version is the version of this program, set by the linker.
var Version = "dev"

// Main runs the program that args[0] names and returns its exit code. As PID 1 of a machine it does
// not return.
func Main(args []string) int {
	name := ""
	if len(args) > 0 {
		name = filepath.Base(args[0])
	}
	switch {
	case name == "modprobe":
		return printError(modules.Modprobe(args[1:]))
	case halt.How(name).Known():
		return endMachine(halt.How(name), args[1:])
	case name == containerd.RuncName:
		return runcShim(args)
	case name == toolName && len(args) > 1 && isCommand(args[1]): // also as PID 1 of a container
		return command(args[1:])
	case os.Getpid() == 1:
		return boot(args)
	}
	return command(args[min(1, len(args)):])
}
