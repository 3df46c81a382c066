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
// Operators control a running machine with another program, linuxkit-init (package operator), which
// sends requests to PID 1 on a socket (package control). Called by any other name and not as PID 1,
// this program executes that one.
//
// PID 1 must stay small: no fmt, net or encoding/json. A test lists the forbidden imports.
package pid1

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/containerd"
	"github.com/org/linuxkit-action/internal/pid1/modules"
	"github.com/org/linuxkit-action/internal/pid1/process"
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
		return exitCode(modules.Modprobe(args[1:]))
	case name == process.ExecName:
		return process.Exec(args[1:])
	case name == containerd.RuncName:
		return runcShim(args)
	case os.Getpid() == 1:
		return boot(args)
	}
	return exitCode(&os.PathError{Op: "exec", Path: toolPath, Err: unix.Exec(toolPath, args, os.Environ())})
}

// toolPath is where the builder installs the operator's command.
const toolPath = "/usr/bin/" + toolName

// exitCode prints an error to standard error, if there is one, and returns the exit code.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	_, _ = os.Stderr.WriteString(toolName + ": " + err.Error() + "\n") // nowhere to report an error
	return 1
}
