// Package netlink implements the requests of PID 1 over netlink(7) sockets: it creates
// network interfaces, moves them to the network namespaces of containers and brings up
// loopback (rtnetlink(7)), as LinuxKit's service does for "interfaces" in runtime.json. It
// also has the socket on which package uevent listens.
//
// Each change is one request, which the kernel executes completely or not at all: a veth
// pair is created with one end in the container. Errors contain the kernel's error number
// and message.
package netlink

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Socket is a netlink socket that receives messages of the kernel only.
type Socket struct{ fd int }

// Open opens a socket of a protocol, such as NETLINK_ROUTE. groups is the bit mask of the
// multicast groups to join.
func Open(protocol int, groups uint32) (*Socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, os.NewSyscallError("netlink: socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		_ = unix.Close(fd) // the error of bind is returned
		return nil, os.NewSyscallError("netlink: bind", err)
	}
	return &Socket{fd}, nil
}

// Close closes the socket.
func (s *Socket) Close() { _ = unix.Close(s.fd) } // no data can be lost

// SetReceiveBuffer sets the size of the receive buffer in bytes, regardless of
// net.core.rmem_max.
func (s *Socket) SetReceiveBuffer(bytes int) error {
	err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes)
	return os.NewSyscallError("netlink: SO_RCVBUFFORCE", err)
}

// Receive returns the next message of the kernel. It returns os.ErrDeadlineExceeded if
// there is none within wait, and ENOBUFS if messages were lost. Messages that are longer
// than buf or have another sender are ignored.
func (s *Socket) Receive(buf []byte, wait time.Duration) ([]byte, error) {
	flags := unix.MSG_TRUNC
	if wait <= 0 {
		flags |= unix.MSG_DONTWAIT // SO_RCVTIMEO is rounded up to a kernel tick
	}
	for end := time.Now().Add(wait); ; {
		left := max(time.Until(end), time.Microsecond) // 0 would be no timeout
		timeout := unix.NsecToTimeval(left.Nanoseconds())
		if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
			return nil, os.NewSyscallError("netlink: SO_RCVTIMEO", err)
		}
		n, from, err := unix.Recvfrom(s.fd, buf, flags)
		sender, known := from.(*unix.SockaddrNetlink)
		switch {
		case err == nil && n <= len(buf) && known && sender.Pid == 0:
			return buf[:n], nil
		case err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR):
			return nil, os.NewSyscallError("netlink: receive", err)
		case time.Now().After(end):
			return nil, os.NewSyscallError("netlink: receive", os.ErrDeadlineExceeded)
		}
	}
}

func (s *Socket) send(message []byte) error {
	err := unix.Sendto(s.fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	return os.NewSyscallError("netlink: send", err)
}
