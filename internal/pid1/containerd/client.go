package containerd

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/grpc"
	"github.com/org/linuxkit-action/internal/pid1/protobuf"
)

// services are where containerd has its API (containerd, api/services).
const services = "/containerd.services."

// namespaceKey tells a call's namespace (containerd, pkg/namespaces).
const namespaceKey = "containerd-namespace"

// call asks containerd for one thing, on a connection of its own. It ends with ctx.
func (p Place) call(ctx context.Context, namespace, method string, request protobuf.Message) (protobuf.Message, error) {
	conn, err := p.connect()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })() // fails only when it is closed
	answer, err := grpc.Call(conn, services+method, [][2]string{{namespaceKey, namespace}}, request)
	if ctx.Err() != nil {
		return nil, p.late(ctx)
	}
	if status, ok := err.(*grpc.Status); ok { // errors.As takes 20 kB
		return nil, refusal{status}
	}
	return answer, err
}

// refusal is the error of what containerd will not do.
type refusal struct{ *grpc.Status }

func (r refusal) Error() string { return "containerd refused it: " + r.Message }

// isRefusal reports whether containerd has refused something by this status.
func isRefusal(err error, code int) bool {
	r, ok := err.(refusal)
	return ok && r.Code == code
}

// connect makes a connection that takes deadlines.
func (p Place) connect() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: p.Socket}); err != nil {
		_ = unix.Close(fd) // it never was of use
		return nil, &os.PathError{Op: "connect", Path: p.Socket, Err: err}
	}
	return os.NewFile(uintptr(fd), p.Socket), nil
}

// late is the error of what took longer than ctx.
func (p Place) late(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Cause(ctx)
	}
	return &os.PathError{Op: "ask", Path: p.Socket, Err: ErrSilent}
}
