package netlink

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ackTimeout bounds the wait for the acknowledgement of a request. The kernel sends it
// before send returns.
const ackTimeout = 5 * time.Second

// Bounds, in bytes. A request has about a hundred, because names have at most 15; an
// acknowledgement has fifty and an error message.
const (
	maxRequest = 1024
	maxAck     = 4096
)

// sequence is the sequence number of every request; each has its own socket.
const sequence = 1

var errBadAck = errors.New("invalid acknowledgement from the kernel")

// request is a message to the kernel: header, struct ifinfomsg and attributes (netlink(7),
// rtnetlink(7)). Numbers are in native byte order; each part is aligned to four bytes.
type request []byte

var order = binary.NativeEndian

// newRequest returns a request about a network interface. set is the interface flags to
// set.
func newRequest(kind, flags uint16, set uint32) request {
	r := make(request, 0, 128)
	r = order.AppendUint32(r, 0) // length, set by do
	r = order.AppendUint16(r, kind)
	r = order.AppendUint16(r, unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags)
	r = order.AppendUint32(r, sequence)
	r = order.AppendUint32(r, 0) // destination: the kernel
	return r.link(set)
}

// link appends struct ifinfomsg. An attribute has the name of the interface.
func (r request) link(set uint32) request {
	r = append(r, make([]byte, 8)...) // any family, type and index
	r = order.AppendUint32(r, set)
	return order.AppendUint32(r, set) // mask of the flags to change
}

func (r request) attribute(kind uint16, value []byte) request {
	return r.nest(kind, func(r request) request { return append(r, value...) })
}

func (r request) text(kind uint16, value string) request {
	return r.attribute(kind, append([]byte(value), 0))
}

func (r request) number(kind uint16, value int) request {
	return r.attribute(kind, order.AppendUint32(nil, uint32(value)))
}

// nest appends an attribute with the value that inside appends. The length is wrong if the
// value has more than 64 KiB; do rejects such a request.
func (r request) nest(kind uint16, inside func(request) request) request {
	begin := len(r)
	r = inside(append(r, 0, 0, 0, 0))
	order.PutUint16(r[begin:], uint16(len(r)-begin))
	order.PutUint16(r[begin+2:], kind)
	return append(r, make([]byte, -len(r)&3)...)
}

// do sends the request and returns the kernel's error.
func (r request) do() error {
	if len(r) > maxRequest {
		return unix.ENAMETOOLONG
	}
	s, err := Open(unix.NETLINK_ROUTE, 0)
	if err != nil {
		return err
	}
	defer s.Close()
	// Without these options (before Linux 4.12) there is only an error number.
	_ = unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1)
	_ = unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1)
	order.PutUint32(r, uint32(len(r)))
	if err := s.send(r); err != nil {
		return err
	}
	ack, err := s.Receive(make([]byte, maxAck), ackTimeout)
	if err != nil {
		return err
	}
	return parseAck(ack)
}

// Error is an error of the kernel: its number, and its message if there is one.
type Error struct {
	Errno   unix.Errno
	Message string
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Errno.Error()
	}
	return e.Errno.Error() + " (" + e.Message + ")"
}

func (e *Error) Unwrap() error { return e.Errno }

// parseAck parses an acknowledgement: struct nlmsghdr, the negative error number, the
// header of the request, and attributes. It returns the kernel's error.
func parseAck(b []byte) error {
	const header, number = unix.SizeofNlMsghdr, 4
	if len(b) < header+number+header || order.Uint16(b[4:]) != unix.NLMSG_ERROR || order.Uint32(b[8:]) != sequence {
		return os.NewSyscallError("netlink", errBadAck)
	}
	code := -int32(order.Uint32(b[header:]))
	if code == 0 {
		return nil
	}
	e := &Error{Errno: unix.Errno(code)}
	if order.Uint16(b[6:])&unix.NLM_F_ACK_TLVS != 0 {
		e.Message = message(b[header+number+header:])
	}
	return e
}

// message returns the value of the attribute NLMSGERR_ATTR_MSG, or "".
func message(b []byte) string {
	for len(b) >= 4 {
		size := int(order.Uint16(b))
		if size < 4 || size > len(b) {
			return ""
		}
		if order.Uint16(b[2:]) == unix.NLMSGERR_ATTR_MSG {
			return strings.TrimRight(string(b[4:size]), "\x00")
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return ""
}
