package logs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Logger is the socket of LinuxKit's logging daemon (memlogd): a datagram with
// the name of a log and a descriptor to read it from, sent along by SCM_RIGHTS
// (LinuxKit's docs/logging.md). Where it exists when a container is started for
// the first time, the container's logs go there and not into files.
const Logger = "/var/run/linuxkit-external-logging.sock"

// handOverWait is how long the logger may take to accept a log.
const handOverWait = time.Second

// errSlow is what Err says of a logger that does not read.
var errSlow = errors.New("the logger does not keep up; what it did not take is lost")

// outlet is the writing end of a pipe that the logger reads.
type outlet struct{ fd int }

// name is how the logger calls a log: onboot.000-dhcp.out, web, web.out.
func name(path string) string { return strings.TrimSuffix(filepath.Base(path), ".log") }

// handOver gives the logger at socket the reading end of a new pipe. It returns
// nil without an error where there is no logger.
func handOver(socket, name string) (*outlet, error) {
	if _, err := os.Lstat(socket); err != nil {
		return nil, nil
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("pipe", err)
	}
	err := send(socket, name, ends[0])
	_ = unix.Close(ends[0]) // the logger has its own, or there is none
	if err == nil {
		err = unix.SetNonblock(ends[1], true)
	}
	if err != nil {
		_ = unix.Close(ends[1]) // nothing was written
		return nil, &os.PathError{Op: "hand the log over to", Path: socket, Err: err}
	}
	return &outlet{ends[1]}, nil
}

func send(socket, name string, fd int) error {
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	patience := unix.NsecToTimeval(int64(handOverWait))
	if err := unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &patience); err != nil {
		return err
	}
	for {
		err := unix.Sendmsg(s, []byte(name), unix.UnixRights(fd), &unix.SockaddrUnix{Name: socket}, 0)
		if err != unix.EINTR { // signals break off what has a timeout
			return err
		}
	}
}

// write never waits: what does not fit into the pipe is lost. Up to PIPE_BUF
// bytes, which is what a pump reads at once, are taken whole or not at all (pipe(7)).
func (o *outlet) write(p []byte) error {
	for len(p) > 0 {
		n, err := unix.Write(o.fd, p)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return errSlow
		case err != nil:
			return err
		default:
			p = p[n:]
		}
	}
	return nil
}

func (o *outlet) close() { _ = unix.Close(o.fd) } // nothing is buffered
