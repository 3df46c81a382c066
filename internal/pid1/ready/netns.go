package ready

import (
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// socketOf makes a TCP socket that does not block, in the network namespace of a
// process. A socket belongs to the namespace it was made in, whoever uses it.
func socketOf(pid, family int) (int, error) {
	own, theirs := "/proc/thread-self/ns/net", "/proc/"+strconv.Itoa(pid)+"/ns/net"
	from, err := os.Readlink(own)
	if err != nil {
		return -1, err
	}
	to, err := os.Readlink(theirs)
	if err != nil {
		return -1, err
	}
	if from == to {
		return socket(family)
	}
	return visit(own, theirs, func() (int, error) { return socket(family) })
}

func socket(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	return fd, os.NewSyscallError("socket", err)
}

// visit calls fn in another network namespace. A thread that does not find its way
// back stays with its goroutine and ends with it.
func visit(own, theirs string, fn func() (int, error)) (int, error) {
	runtime.LockOSThread()
	back, err := enterable(own)
	if err != nil {
		runtime.UnlockOSThread()
		return -1, err
	}
	defer unix.Close(back)
	there, err := enterable(theirs)
	if err == nil {
		defer unix.Close(there)
		err = os.NewSyscallError("setns", unix.Setns(there, unix.CLONE_NEWNET))
	}
	fd := -1
	if err == nil {
		fd, err = fn()
	}
	if unix.Setns(back, unix.CLONE_NEWNET) == nil {
		runtime.UnlockOSThread()
	}
	return fd, err
}

func enterable(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}
