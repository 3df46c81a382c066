package control

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// backlog is how many clients may wait to be served.
const backlog = 64

// listen makes the socket, and replaces an existing one.
func listen(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := file.Remove(path); err != nil {
		return nil, err
	}
	fd, err := socket()
	if err != nil {
		return nil, err
	}
	if err := bind(fd, path); err != nil {
		_ = unix.Close(fd) // it was never used
		return nil, &os.PathError{Op: "listen", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// bind binds and listens. It sets the mode before listen(2), from which on clients can connect.
func bind(fd int, path string) error {
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return err
	}
	if err := unix.Chmod(path, 0o600); err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return err
	}
	return unix.Listen(fd, backlog)
}

func socket() (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	return fd, os.NewSyscallError("socket", err)
}

// accept waits for a client. Go's poller waits, so no thread is blocked.
func accept(listener *os.File) (*os.File, error) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	pollErr := raw.Read(func(s uintptr) bool {
		fd, err = acceptNow(int(s))
		return !errors.Is(err, unix.EAGAIN)
	})
	if pollErr != nil {
		return nil, pollErr
	}
	if err != nil {
		return nil, os.NewSyscallError("accept", err)
	}
	return os.NewFile(uintptr(fd), "client"), nil
}

func acceptNow(listener int) (int, error) {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ECONNABORTED) {
			return fd, err
		}
	}
}

// connect connects to the socket within connectTimeout.
func connect(path string) (*os.File, error) {
	fd, err := socket()
	if err != nil {
		return nil, err
	}
	timeout := unix.NsecToTimeval(int64(connectTimeout))
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout) // applies to connect too
	if err == nil {
		err = retryEINTR(func() error { return unix.Connect(fd, &unix.SockaddrUnix{Name: path}) })
	}
	if err == nil {
		err = unix.SetNonblock(fd, true) // required for deadlines of os.File
	}
	if err != nil {
		_ = unix.Close(fd) // it was never used
		return nil, &os.PathError{Op: "connect", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// retryEINTR repeats a call while signals interrupt it, as they do with a timeout set (signal(7)).
func retryEINTR(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// connectTimeout is how long a client waits for a slot in the backlog.
const connectTimeout = 10 * time.Second
