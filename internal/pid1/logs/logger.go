package logs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Logger is the socket of LinuxKit's logging daemon (memlogd). It receives datagrams with the name
// of a log and, by SCM_RIGHTS, a descriptor to read it from (LinuxKit, docs/logging.md). If the
// socket exists when a container is started for the first time, the container's logs go to the
// daemon instead of files.
const Logger = "/var/run/linuxkit-external-logging.sock"

// loggerTimeout limits the wait for the logging daemon to accept a log.
const loggerTimeout = time.Second

// errLoggerSlow reports output that was dropped because the pipe to the logging daemon is full.
var errLoggerSlow = errors.New("logging daemon does not keep up; output is dropped")

// loggerPipe is the writing end of a pipe that the logging daemon reads.
type loggerPipe struct{ fd int }

// name returns the name of a log for the logging daemon: onboot.000-dhcp.out, web, web.out.
func name(path string) string { return strings.TrimSuffix(filepath.Base(path), ".log") }

// openLogger sends the reading end of a new pipe to the logging daemon at socket. It returns nil
// and no error if there is no daemon.
func openLogger(socket, name string) (*loggerPipe, error) {
	if _, err := os.Lstat(socket); err != nil {
		return nil, nil
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("pipe", err)
	}
	err := send(socket, name, ends[0])
	_ = unix.Close(ends[0]) // the daemon has a copy
	if err == nil {
		err = unix.SetNonblock(ends[1], true)
	}
	if err != nil {
		_ = unix.Close(ends[1]) // nothing was written
		return nil, &os.PathError{Op: "send log to", Path: socket, Err: err}
	}
	return &loggerPipe{ends[1]}, nil
}

func send(socket, name string, fd int) error {
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	timeout := unix.NsecToTimeval(int64(loggerTimeout))
	if err := unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout); err != nil {
		return err
	}
	for {
		err := unix.Sendmsg(s, []byte(name), unix.UnixRights(fd), &unix.SockaddrUnix{Name: socket}, 0)
		if !errors.Is(err, unix.EINTR) { // a call with a timeout is interrupted by signals
			return err
		}
	}
}

// write never blocks: what does not fit into the pipe is dropped. Up to PIPE_BUF bytes, the size of
// a pump's buffer, are written whole or not at all (pipe(7)).
func (o *loggerPipe) write(p []byte) error {
	for len(p) > 0 {
		n, err := unix.Write(o.fd, p)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return errLoggerSlow
		case err != nil:
			return err
		default:
			p = p[n:]
		}
	}
	return nil
}

func (o *loggerPipe) close() { _ = unix.Close(o.fd) } // nothing is buffered
