package containerd

import (
	"context"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/grpc"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/protobuf"
)

// Numbers of the fields are those of containerd's api/services/containers/v1, tasks/v1
// and api/types/runc/options, which are the same in 1.x and 2.x.

// What containerd and its shim take a container's parts for.
const (
	runtimeName = "io.containerd.runc.v2"
	optionsType = "containerd.runc.v1.Options"
	specType    = "types.containerd.io/opencontainers/runtime-spec/1/Spec"
)

// newAny is a google.protobuf.Any.
func newAny(kind string, value protobuf.Message) string {
	return string(protobuf.Message(nil).With(1, kind).With(2, string(value)))
}

// create makes a container of a config.json, whose runc is called by its path.
func (r *Runtime) create(ctx context.Context, namespace, id, config string) error {
	options := protobuf.Message(nil).With(6, r.between()) // binary_name
	runtime := protobuf.Message(nil).With(1, runtimeName).With(2, newAny(optionsType, options))
	container := protobuf.Message(nil).With(1, id).With(4, string(runtime)).With(5, newAny(specType, protobuf.Message(config)))
	_, err := r.Place.call(ctx, namespace, "containers.v1.Containers/Create", protobuf.Message(nil).With(1, string(container)))
	return err
}

// containers lists the containers of a namespace.
func (r *Runtime) containers(ctx context.Context, namespace string) (ids []string, err error) {
	answer, err := r.Place.call(ctx, namespace, "containers.v1.Containers/List", nil)
	whole := answer.Each(func(field int, _ uint64, container protobuf.Message) {
		if field == 1 {
			ids = append(ids, container.Text(1))
		}
	})
	if !whole {
		err = grpc.ErrProtocol
	}
	return ids, err
}

// forget deletes a container, and its task if that has ended.
func (r *Runtime) forget(ctx context.Context, namespace, id string) error {
	for _, method := range []string{"tasks.v1.Tasks/Delete", "containers.v1.Containers/Delete"} {
		if _, err := r.Place.call(ctx, namespace, method, protobuf.Message(nil).With(1, id)); err != nil && !isRefusal(err, grpc.NotFound) {
			return err
		}
	}
	return nil
}

// startTask makes and starts the task of a container, without streams of containerd's,
// and returns its process. There is one even where the start fails.
func (r *Runtime) startTask(ctx context.Context, namespace, id string) (pid int, err error) {
	named := protobuf.Message(nil).With(1, id)
	task, err := r.Place.call(ctx, namespace, "tasks.v1.Tasks/Create", named)
	if err != nil {
		return 0, err
	}
	pid = int(int32(task.Number(2)))
	process.Punctual(pid, process.CgroupOf(pid))
	_, err = r.Place.call(ctx, namespace, "tasks.v1.Tasks/Start", named)
	return pid, err
}

// endTask ends what is left of a task whose process has ended, waits until the shim knows
// that it has, and deletes the task.
func (r *Runtime) endTask(ctx context.Context, namespace, id string) (syscall.WaitStatus, error) {
	named := protobuf.Message(nil).With(1, id)
	all := named.WithNumber(3, uint64(unix.SIGKILL)).WithNumber(4, 1)
	_, _ = r.Place.call(ctx, namespace, "tasks.v1.Tasks/Kill", all) // there may be nothing left
	if _, err := r.Place.call(ctx, namespace, "tasks.v1.Tasks/Wait", named); err != nil {
		return 0, err
	}
	ended, err := r.Place.call(ctx, namespace, "tasks.v1.Tasks/Delete", named)
	return statusOf(ended.Number(3)), err
}

// statusOf turns an exit status as the shim has it into one as a parent has it. An end by
// signal N and an exit with 128+N cannot be told apart: the shim makes one of the other.
func statusOf(code uint64) syscall.WaitStatus {
	const signals = 128
	if code > signals && code <= signals+64 {
		return syscall.WaitStatus(code - signals)
	}
	return syscall.WaitStatus(code & 0xff << 8)
}
