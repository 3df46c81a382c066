package containerd

import (
	"context"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/grpc"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/protobuf"
)

// Field numbers are those of containerd's api/services/containers/v1, tasks/v1 and
// api/types/runc/options. They are the same in containerd 1.x and 2.x.

// Types of the parts of a container.
const (
	runtimeName = "io.containerd.runc.v2"
	optionsType = "containerd.runc.v1.Options"
	specType    = "types.containerd.io/opencontainers/runtime-spec/1/Spec"
)

// newAny returns a google.protobuf.Any.
func newAny(kind string, value protobuf.Message) string {
	return string(protobuf.Message(nil).With(1, kind).With(2, string(value)))
}

// create creates a container with a config.json, whose runc is RuncShim.
func (r *Runtime) create(ctx context.Context, namespace, id, config string) error {
	options := protobuf.Message(nil).With(6, r.shimPath()) // binary_name
	runtime := protobuf.Message(nil).With(1, runtimeName).With(2, newAny(optionsType, options))
	container := protobuf.Message(nil).With(1, id).With(4, string(runtime)).With(5, newAny(specType, protobuf.Message(config)))
	request := protobuf.Message(nil).With(1, string(container))
	_, err := r.Instance.call(ctx, namespace, "containers.v1.Containers/Create", request)
	return err
}

// containers returns the IDs of the containers in a namespace.
func (r *Runtime) containers(ctx context.Context, namespace string) (ids []string, err error) {
	response, err := r.Instance.call(ctx, namespace, "containers.v1.Containers/List", nil)
	whole := response.Each(func(field int, _ uint64, container protobuf.Message) {
		if field == 1 {
			ids = append(ids, container.Text(1))
		}
	})
	if !whole {
		err = grpc.ErrProtocol
	}
	return ids, err
}

// remove deletes a container, and its task if that has ended. Missing ones are no error.
func (r *Runtime) remove(ctx context.Context, namespace, id string) error {
	for _, method := range []string{"tasks.v1.Tasks/Delete", "containers.v1.Containers/Delete"} {
		_, err := r.Instance.call(ctx, namespace, method, protobuf.Message(nil).With(1, id))
		if err != nil && !isRejected(err, grpc.NotFound) {
			return err
		}
	}
	return nil
}

// startTask creates and starts the task of a container, without containerd's own streams, and
// returns the pid of its process. A failed start may return a pid too.
func (r *Runtime) startTask(ctx context.Context, namespace, id string) (pid int, err error) {
	named := protobuf.Message(nil).With(1, id)
	task, err := r.Instance.call(ctx, namespace, "tasks.v1.Tasks/Create", named)
	if err != nil {
		return 0, err
	}
	pid = int(int32(task.Number(2)))
	process.RestoreContainerSlack(pid, process.CgroupOf(pid))
	_, err = r.Instance.call(ctx, namespace, "tasks.v1.Tasks/Start", named)
	return pid, err
}

// endTask kills what is left of a task whose process has exited, waits until the shim has noticed
// the exit, and deletes the task.
func (r *Runtime) endTask(ctx context.Context, namespace, id string) (syscall.WaitStatus, error) {
	named := protobuf.Message(nil).With(1, id)
	all := named.WithNumber(3, uint64(unix.SIGKILL)).WithNumber(4, 1)
	_, _ = r.Instance.call(ctx, namespace, "tasks.v1.Tasks/Kill", all) // there may be nothing left
	if _, err := r.Instance.call(ctx, namespace, "tasks.v1.Tasks/Wait", named); err != nil {
		return 0, err
	}
	ended, err := r.Instance.call(ctx, namespace, "tasks.v1.Tasks/Delete", named)
	return statusOf(ended.Number(3)), err
}

// statusOf converts the exit status of a shim to a wait status. The shim reports signal N as 128+N,
// so an exit with 128+N cannot be distinguished from it.
func statusOf(code uint64) syscall.WaitStatus {
	const signals = 128
	if code > signals && code <= signals+64 {
		return syscall.WaitStatus(code - signals)
	}
	return syscall.WaitStatus(code & 0xff << 8)
}
