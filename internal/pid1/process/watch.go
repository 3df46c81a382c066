package process

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/guard"
)

// Watch follows a process that is not a child of PID 1, by a pidfd (pidfd_open(2), Linux 5.3). When
// the process has exited, Watch calls status, which may block, and closes Done when it returns. A
// process that does not exist counts as exited.
func Watch(pid int, status func() syscall.WaitStatus) (*Child, error) {
	c := &Child{Pid: pid, done: make(chan struct{}), gone: make(chan struct{})}
	fd, err := unix.PidfdOpen(pid, 0)
	switch {
	case errors.Is(err, unix.ESRCH): // it has exited
	case err != nil:
		return nil, os.NewSyscallError("pidfd_open", err)
	case unix.SetNonblock(fd, true) != nil:
		_ = unix.Close(fd) // it was never used
		return nil, os.NewSyscallError("fcntl", unix.EINVAL)
	default:
		c.pidfd = os.NewFile(uintptr(fd), "pidfd")
	}
	guard.Go("watch of a process", func() {
		defer close(c.done)
		c.status = StatusLost
		guard.Do("the end of a process", func() {
			c.waitExit()
			close(c.gone)
			c.status = status()
		})
	})
	return c, nil
}

// waitExit waits until the process has exited. Go's poller waits, so no thread is blocked.
func (c *Child) waitExit() {
	if c.pidfd == nil {
		return
	}
	defer c.pidfd.Close()
	raw, err := c.pidfd.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Read(hasExited) // fails only without a poller
}

// hasExited reports whether the process of a pidfd has exited: the pidfd is readable then.
func hasExited(fd uintptr) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(p, 0)
	return !errors.Is(err, unix.EINTR) && n != 0
}

// signalOther sends a signal to a watched process. After its exit the descriptor is closed and the
// signal fails with ESRCH.
func (c *Child) signalOther(sig syscall.Signal) error {
	if c.pidfd == nil {
		return unix.ESRCH
	}
	raw, err := c.pidfd.SyscallConn()
	if err != nil {
		return err
	}
	if raw.Control(func(fd uintptr) { err = unix.PidfdSendSignal(int(fd), sig, nil, 0) }) != nil {
		return unix.ESRCH
	}
	return err
}
