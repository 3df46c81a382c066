// Package netlink talks to the kernel over netlink(7) sockets, as far as PID 1
// has to: it makes network interfaces, moves them into the network namespaces of
// containers and brings up loopback (rtnetlink(7)), what LinuxKit's service does
// for "interfaces" of runtime.json; and it is what package uevent listens on.
//
// A request is one message and its answer another, so that there is nothing in
// between to clear up: a veth pair is born with one end in the container. The
// answer is the kernel's error number and, where it has some, its own words.
package netlink

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Socket is a netlink socket that hears nobody but the kernel.
type Socket struct{ fd int }

// Open opens a socket of a protocol (NETLINK_ROUTE and the like). groups is the
// set of multicast groups to listen to, the first of them 1.
func Open(protocol int, groups uint32) (*Socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, os.NewSyscallError("netlink: socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		_ = unix.Close(fd) // nothing was sent
		return nil, os.NewSyscallError("netlink: bind", err)
	}
	return &Socket{fd}, nil
}

// Close closes the socket.
func (s *Socket) Close() { _ = unix.Close(s.fd) } // every answer has been read, or is not wanted

// Reserve lets the kernel keep this many bytes of unread messages, beyond the
// machine's limit for everyone.
func (s *Socket) Reserve(bytes int) error {
	return os.NewSyscallError("netlink: SO_RCVBUFFORCE", unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes))
}

// Receive reads the next message of the kernel that fits buf, and waits no
// longer than wait for it: os.ErrDeadlineExceeded. Messages were lost where the
// error is ENOBUFS. What is longer than buf or from somebody else is overlooked.
func (s *Socket) Receive(buf []byte, wait time.Duration) ([]byte, error) {
	flags := unix.MSG_TRUNC
	if wait <= 0 {
		flags |= unix.MSG_DONTWAIT // the shortest timeout is a tick of the kernel, or two
	}
	for end := time.Now().Add(wait); ; {
		left := max(time.Until(end), time.Microsecond) // 0 would be for ever
		timeout := unix.NsecToTimeval(left.Nanoseconds())
		if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
			return nil, os.NewSyscallError("netlink: SO_RCVTIMEO", err)
		}
		n, from, err := unix.Recvfrom(s.fd, buf, flags)
		sender, known := from.(*unix.SockaddrNetlink)
		switch {
		case err == nil && n <= len(buf) && known && sender.Pid == 0:
			return buf[:n], nil
		case err != nil && err != unix.EAGAIN && err != unix.EINTR:
			return nil, os.NewSyscallError("netlink: receive", err)
		case time.Now().After(end):
			return nil, os.NewSyscallError("netlink: receive", os.ErrDeadlineExceeded)
		}
	}
}

func (s *Socket) send(message []byte) error {
	return os.NewSyscallError("netlink: send", unix.Sendto(s.fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
}
