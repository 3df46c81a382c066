package control

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// backlog is how many clients may wait to be served.
const backlog = 64

// listen makes the socket, in the place of one that is left from before.
func listen(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	fd, err := socket()
	if err != nil {
		return nil, err
	}
	if err := bind(fd, path); err != nil {
		_ = unix.Close(fd) // it never was of use
		return nil, &os.PathError{Op: "listen", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// bind sets the mode before anybody can connect, which is from listen(2) on.
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

// accept waits for a client. Go's poller does the waiting, so no thread is held up.
func accept(listener *os.File) (*os.File, error) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	waited := raw.Read(func(s uintptr) bool {
		fd, err = acceptNow(int(s))
		return err != unix.EAGAIN
	})
	if waited != nil {
		return nil, waited
	}
	if err != nil {
		return nil, os.NewSyscallError("accept", err)
	}
	return os.NewFile(uintptr(fd), "client"), nil
}

func acceptNow(listener int) (int, error) {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if err != unix.EINTR && err != unix.ECONNABORTED {
			return fd, err
		}
	}
}

// isFrom reports whether a client was of that user when it connected (unix(7), SO_PEERCRED).
func isFrom(client *os.File, user uint32) bool {
	raw, err := client.SyscallConn()
	if err != nil {
		return false
	}
	var peer *unix.Ucred
	controlled := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	return controlled == nil && err == nil && peer.Uid == user
}

// connect reaches the socket, or gives up after a while.
func connect(path string) (*os.File, error) {
	fd, err := socket()
	if err != nil {
		return nil, err
	}
	patience := unix.NsecToTimeval(int64(connectWait))
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &patience) // bounds connect as well
	if err == nil {
		err = interrupted(func() error { return unix.Connect(fd, &unix.SockaddrUnix{Name: path}) })
	}
	if err == nil {
		err = unix.SetNonblock(fd, true) // for the deadlines of os.File
	}
	if err != nil {
		_ = unix.Close(fd) // it never was of use
		return nil, &os.PathError{Op: "connect", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// interrupted repeats a call for as long as signals break it off, as they do
// where there is a timeout (signal(7)).
func interrupted(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// connectWait is how long a client waits until PID 1 has a place for it.
const connectWait = 10 * time.Second
