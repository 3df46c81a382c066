package machine

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// childAttributes makes QEMU the leader of a process group. The kernel kills it when
// the thread that started it ends.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// kvmVersion returns the version of the API behind /dev/kvm.
func kvmVersion(kvm *os.File) (int, error) {
	const getAPIVersion = 0xAE00 // KVM_GET_API_VERSION, linux/kvm.h
	return unix.IoctlRetInt(int(kvm.Fd()), getAPIVersion)
}
