package netlink

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// answerWait is how long the kernel may take to answer. It answers before the
// call that asks returns, so this is for a kernel that forgets.
const answerWait = 5 * time.Second

// Bounds, in bytes. A request has some hundred, names having at most 15; an
// answer has fifty, and the kernel's words.
const (
	maxRequest = 1024
	maxAnswer  = 4096
)

// sequence numbers the request; each has a socket of its own.
const sequence = 1

// errAnswer is what an answer that is none comes to.
var errAnswer = errors.New("the kernel's answer makes no sense")

// request is a message to the kernel as it grows: the header, what belongs to
// its kind, and attributes (netlink(7), rtnetlink(7)). All numbers are in the
// machine's byte order, all parts begin at a multiple of four.
type request []byte

var order = binary.NativeEndian

// newRequest begins a request about a link. set are the flags that the link is
// to have.
func newRequest(kind, flags uint16, set uint32) request {
	r := make(request, 0, 128)
	r = order.AppendUint32(r, 0) // the length; see do
	r = order.AppendUint16(r, kind)
	r = order.AppendUint16(r, unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags)
	r = order.AppendUint32(r, sequence)
	r = order.AppendUint32(r, 0) // whom it is for: the kernel
	return r.link(set)
}

// link appends struct ifinfomsg. The link is named by an attribute.
func (r request) link(set uint32) request {
	r = append(r, make([]byte, 8)...) // any family, type and index
	r = order.AppendUint32(r, set)
	return order.AppendUint32(r, set) // and these are the ones to change
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

// nest appends an attribute with what inside appends. The length of one that do
// would refuse may be wrong.
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
	// Kernels before 4.12 know neither, and answer with the number alone.
	_ = unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1)
	_ = unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1)
	order.PutUint32(r, uint32(len(r)))
	if err := s.send(r); err != nil {
		return err
	}
	answer, err := s.Receive(make([]byte, maxAnswer), answerWait)
	if err != nil {
		return err
	}
	return parseAnswer(answer)
}

// Refusal is the kernel's "no": the error number and, where it gave some, its words.
type Refusal struct {
	Errno unix.Errno
	Words string
}

func (e *Refusal) Error() string {
	if e.Words == "" {
		return e.Errno.Error()
	}
	return e.Errno.Error() + " (" + e.Words + ")"
}

func (e *Refusal) Unwrap() error { return e.Errno }

// parseAnswer reads an acknowledgement: struct nlmsghdr, the error number as a
// negative, the header of the request, and attributes.
func parseAnswer(b []byte) error {
	const header, number = unix.SizeofNlMsghdr, 4
	if len(b) < header+number+header || order.Uint16(b[4:]) != unix.NLMSG_ERROR || order.Uint32(b[8:]) != sequence {
		return os.NewSyscallError("netlink", errAnswer)
	}
	code := -int32(order.Uint32(b[header:]))
	if code == 0 {
		return nil
	}
	refusal := &Refusal{Errno: unix.Errno(code)}
	if order.Uint16(b[6:])&unix.NLM_F_ACK_TLVS != 0 {
		refusal.Words = words(b[header+number+header:])
	}
	return refusal
}

// words finds the text among attributes.
func words(b []byte) string {
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
