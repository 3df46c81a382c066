package ready

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/address"
)

// tcp asks whether an address takes connections.
func tcp(text string) (asker, error) {
	to, err := parseAddress(text)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, pid int) error {
		f, err := dial(ctx, to, pid)
		if err != nil {
			return err
		}
		return f.Close()
	}, nil
}

// parseAddress reads IP:PORT. PID 1 resolves no names.
func parseAddress(text string) (address.Address, error) {
	to, ok := address.Parse(text)
	if !ok {
		return to, errors.New("ready: " + quote(text) + " is no address and port; give IP:PORT")
	}
	return to, nil
}

// dial connects from the network namespace of pid, where the service's own
// 127.0.0.1 is. The connection reads and writes until ctx ends.
func dial(ctx context.Context, to address.Address, pid int) (*os.File, error) {
	family, name := sockaddr(to)
	fd, err := socketOf(pid, family)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "connection to "+to.String())
	context.AfterFunc(ctx, func() { _ = f.SetDeadline(time.Unix(1, 0)) }) // fails only when it is closed
	if err := connect(f, name); err != nil {
		_ = f.Close() // nothing was written to it
		return nil, &os.PathError{Op: "connect", Path: to.String(), Err: err}
	}
	return f, nil
}

func sockaddr(to address.Address) (family int, name unix.Sockaddr) {
	if to.Is4 {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(to.Port), Addr: [4]byte(to.IP[:4])}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(to.Port), Addr: to.IP}
}

// connect connects a socket that does not block.
func connect(f *os.File, to unix.Sockaddr) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	began := false
	err = raw.Write(func(fd uintptr) bool {
		if !began {
			began = true
			if result = unix.Connect(int(fd), to); result != nil {
				return result != unix.EINPROGRESS
			}
		}
		var done bool
		done, result = connected(int(fd))
		return done
	})
	if err != nil {
		return err
	}
	return result
}

// connected reports whether a connect that was begun has come to an end, and to
// which. A socket may be called writable before (connect(2), EINPROGRESS).
func connected(fd int) (bool, error) {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return true, err
	}
	if code != 0 {
		return true, unix.Errno(code)
	}
	peer, err := unix.Getpeername(fd)
	if err != nil {
		return false, nil
	}
	if own, err := unix.Getsockname(fd); err == nil && same(own, peer) {
		return true, errSelf
	}
	return true, nil
}

// errSelf is about a port that nobody listens at, and that the kernel happened to
// choose for PID 1's own end: the socket is then connected to itself.
var errSelf = errors.New("nobody listens")

func same(a, b unix.Sockaddr) bool {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		b, ok := b.(*unix.SockaddrInet4)
		return ok && a.Port == b.Port && a.Addr == b.Addr
	case *unix.SockaddrInet6:
		b, ok := b.(*unix.SockaddrInet6)
		return ok && a.Port == b.Port && a.Addr == b.Addr
	}
	return false
}
