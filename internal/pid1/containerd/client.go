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

// services is the prefix of containerd's API methods (containerd, api/services).
const services = "/containerd.services."

// namespaceKey is the header with the namespace of a call (containerd, pkg/namespaces).
const namespaceKey = "containerd-namespace"

// call calls a method, on a new connection. It ends with ctx.
func (i Instance) call(ctx context.Context, namespace, method string, request protobuf.Message) (protobuf.Message, error) {
	conn, err := i.connect()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })() // fails only if it is closed
	response, err := grpc.Call(conn, services+method, [][2]string{{namespaceKey, namespace}}, request)
	if ctx.Err() != nil {
		return nil, i.timeoutError(ctx)
	}
	if status, ok := err.(*grpc.Status); ok { //nolint:errorlint // errors.As would add 20 kB to PID 1
		return nil, rejection{status}
	}
	return response, err
}

// rejection is the error of a call that containerd rejects.
type rejection struct{ *grpc.Status }

func (r rejection) Error() string { return "containerd rejected the request: " + r.Message }

// isRejected reports whether err is a rejection with this status code.
func isRejected(err error, code int) bool {
	r, ok := err.(rejection) //nolint:errorlint // as above
	return ok && r.Code == code
}

// connect opens a connection that supports deadlines.
func (i Instance) connect() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: i.Socket}); err != nil {
		_ = unix.Close(fd) // it was never used
		return nil, &os.PathError{Op: "connect", Path: i.Socket, Err: err}
	}
	return os.NewFile(uintptr(fd), i.Socket), nil
}

// timeoutError returns the error of a call whose ctx has ended.
func (i Instance) timeoutError(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Cause(ctx)
	}
	return &os.PathError{Op: "call", Path: i.Socket, Err: ErrUnresponsive}
}
