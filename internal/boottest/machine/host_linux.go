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

// overhead is the address space that QEMU needs beside the memory of the guest: its code,
// the translated code of TCG, stacks of threads.
const overhead = 6 << 30

// limitProcess bounds the memory of QEMU, the size of files it writes, and core dumps. The
// guest is not running yet. A failure leaves QEMU without a limit, as before Linux 2.6.36.
func limitProcess(pid int, o Options) {
	limits := map[int]uint64{
		unix.RLIMIT_AS:    uint64(o.Memory)<<20 + overhead,
		unix.RLIMIT_CORE:  0,
		unix.RLIMIT_FSIZE: o.largestDisk(),
	}
	for resource, limit := range limits {
		_ = unix.Prlimit(pid, resource, &unix.Rlimit{Cur: limit, Max: limit}, nil)
	}
}

// largestDisk returns the size of the largest disk, in bytes. An image that is missing is an error
// of QEMU.
func (o Options) largestDisk() uint64 {
	most := int64(0)
	for _, size := range o.Disks {
		most = max(most, size)
	}
	for _, path := range o.Images {
		if info, err := os.Stat(path); err == nil {
			most = max(most, info.Size())
		}
	}
	return uint64(most)
}

// kvmVersion returns the version of the API behind /dev/kvm.
func kvmVersion(kvm *os.File) (int, error) {
	const getAPIVersion = 0xAE00 // KVM_GET_API_VERSION, linux/kvm.h
	return unix.IoctlRetInt(int(kvm.Fd()), getAPIVersion)
}
