package ready

import (
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// socketOf makes a non-blocking TCP socket in the network namespace of a process. A socket belongs
// to the namespace that it was made in, whichever thread uses it.
func socketOf(pid, family int) (int, error) {
	own, target := "/proc/thread-self/ns/net", "/proc/"+strconv.Itoa(pid)+"/ns/net"
	from, err := os.Readlink(own)
	if err != nil {
		return -1, err
	}
	to, err := os.Readlink(target)
	if err != nil {
		return -1, err
	}
	if from == to {
		return socket(family)
	}
	return inNetns(own, target, func() (int, error) { return socket(family) })
}

func socket(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	return fd, os.NewSyscallError("socket", err)
}

// inNetns calls fn in the network namespace target. If the thread cannot return to its own
// namespace it stays locked to the goroutine, and ends with it.
func inNetns(own, target string, fn func() (int, error)) (int, error) {
	runtime.LockOSThread()
	home, err := openNetns(own)
	if err != nil {
		runtime.UnlockOSThread()
		return -1, err
	}
	defer unix.Close(home)
	to, err := openNetns(target)
	if err == nil {
		defer unix.Close(to)
		err = os.NewSyscallError("setns", unix.Setns(to, unix.CLONE_NEWNET))
	}
	fd := -1
	if err == nil {
		fd, err = fn()
	}
	if unix.Setns(home, unix.CLONE_NEWNET) == nil {
		runtime.UnlockOSThread()
	}
	return fd, err
}

func openNetns(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}
