package ready

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/address"
)

// tcp returns a check that an address accepts connections.
func tcp(text string) (checkFunc, error) {
	to, err := parseAddress("tcp", text)
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

// parseAddress parses IP:PORT; PID 1 does not resolve names. kind is the readiness setting, for the
// error.
func parseAddress(kind, text string) (address.Address, error) {
	to, ok := address.Parse(text)
	if !ok {
		return to, errors.New("ready: " + kind + ": " + quote(text) + " is not an address of the form IP:PORT")
	}
	return to, nil
}

// dial connects from the network namespace of pid, because 127.0.0.1 is the service's own there.
// Reads and writes fail once ctx ends.
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

// connect connects a non-blocking socket.
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
				return !errors.Is(result, unix.EINPROGRESS)
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

// connected reports whether a connect has completed, and its result. A socket may be reported
// writable before (connect(2), EINPROGRESS).
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
	if own, err := unix.Getsockname(fd); err == nil && sameAddress(own, peer) {
		return true, errSelfConnect
	}
	return true, nil
}

// errSelfConnect reports a connect to a port without a listener for which the kernel chose the same
// port as the source: the socket is then connected to itself.
var errSelfConnect = errors.New("no listener: connected to itself")

func sameAddress(a, b unix.Sockaddr) bool {
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
