package process

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/guard"
)

// Watch follows a process that is somebody else's child, so that nobody tells PID 1
// how it ends (pidfd_open(2), Linux 5.3). When it has ended, asked is called to find
// that out, which may take its time, and Done is closed when it returns. A process that is gone already has ended.
func Watch(pid int, asked func() syscall.WaitStatus) (*Child, error) {
	c := &Child{Pid: pid, done: make(chan struct{}), gone: make(chan struct{})}
	fd, err := unix.PidfdOpen(pid, 0)
	switch {
	case err == unix.ESRCH: // it is gone
	case err != nil:
		return nil, os.NewSyscallError("pidfd_open", err)
	case unix.SetNonblock(fd, true) != nil:
		_ = unix.Close(fd) // it never was of use
		return nil, os.NewSyscallError("fcntl", unix.EINVAL)
	default:
		c.pidfd = os.NewFile(uintptr(fd), "pidfd")
	}
	guard.Go("watch of a process", func() {
		defer close(c.done)
		c.status = Lost
		guard.Do("the end of a process", func() {
			c.sleep()
			close(c.gone)
			c.status = asked()
		})
	})
	return c, nil
}

// sleep returns when the process has ended. Go's poller does the waiting, so that
// no thread is held up.
func (c *Child) sleep() {
	if c.pidfd == nil {
		return
	}
	defer c.pidfd.Close()
	raw, err := c.pidfd.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Read(over) // fails only where there is no poller
}

// over reports whether the process of a pidfd has ended: then it can be read.
func over(fd uintptr) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(p, 0)
	return err != unix.EINTR && n != 0
}

// signalOther sends a signal to somebody else's child. Once that has ended the
// descriptor is closed and the signal goes nowhere.
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
