package operator

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/control"
	"github.com/org/linuxkit-action/internal/pid1/halt"
)

// initialNamespace is the first pid namespace of a kernel (include/linux/proc_ns.h,
// PROC_PID_INIT_INO).
const initialNamespace = "pid:[4026531836]"

// errOtherNamespace is the error of a shutdown from a container that reaches neither the control
// socket nor PID 1 of the machine: its own PID 1 would get the signal, and reboot(2) would end only
// the container.
var errOtherNamespace = errors.New("nothing was done: this is the pid namespace of a container, and " + control.Path +
	" is not reachable; give the container pid: host or the bind /run:/run")

// endMachine requests a shutdown on the control socket, or by a signal if PID 1 does not respond
// there. With -f it ends the machine at once.
func endMachine(how halt.How, args []string) int {
	force := false
	for _, arg := range args {
		switch {
		case arg == "-f":
			force = true
		case arg == "-k" && how == halt.Reboot:
			how = halt.Kexec
		default:
			return invalid(string(how) + ": unknown option " + arg)
		}
	}
	if force {
		return printError(haltNow(how))
	}
	response, err := control.Call(machineRoot()+control.Path, control.Request{Verb: string(how)}, endTimeout)
	if err != nil {
		return printError(signalPID1(how))
	}
	return printResponse(response)
}

func haltNow(how halt.How) error {
	if err := halt.Check(how); err != nil {
		return err
	}
	if !inMachineNamespace() {
		return errOtherNamespace
	}
	unix.Sync()
	return os.NewSyscallError("reboot", halt.Now(how))
}

func signalPID1(how halt.How) error {
	if !inMachineNamespace() {
		return errOtherNamespace
	}
	return os.NewSyscallError("signal PID 1", unix.Kill(1, how.Signal()))
}

// inMachineNamespace reports whether PID 1 of this process's pid namespace is that of the machine.
// /proc may belong to another pid namespace than the process. Without /proc it is assumed.
func inMachineNamespace() bool {
	own, err := os.Readlink("/proc/self/ns/pid")
	if os.Getpid() == 1 {
		return false
	}
	if err != nil || own == initialNamespace {
		return true
	}
	first, err := os.Readlink("/proc/1/ns/pid")
	if err != nil || first != own {
		return false
	}
	exe, err := os.Readlink("/proc/1/exe")
	return err == nil && filepath.Base(exe) == "init"
}

// machineRoot returns the prefix of the machine's files: none on the machine and in a container that
// binds /run, and /proc/1/root in one that shares the pid namespace, such as LinuxKit's getty and
// sshd.
func machineRoot() string {
	const root = "/proc/1/root"
	if _, err := os.Stat(control.Path); err == nil {
		return ""
	}
	if _, err := os.Stat(root + control.Path); err == nil {
		return root
	}
	return ""
}
