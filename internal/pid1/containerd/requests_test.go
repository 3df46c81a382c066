package containerd

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/grpc"
)

func TestStatusOf(t *testing.T) {
	t.Parallel()
	for code, want := range map[uint64]struct {
		exit   int
		signal unix.Signal
	}{
		0:   {0, -1},
		7:   {7, -1},
		127: {127, -1},
		128: {128, -1},
		129: {-1, unix.SIGHUP},
		137: {-1, unix.SIGKILL},
		143: {-1, unix.SIGTERM},
		192: {-1, 64},
		193: {193, -1},
		255: {255, -1},
	} {
		if got := statusOf(code); got.ExitStatus() != want.exit || got.Signal() != want.signal {
			t.Errorf("%d: exit %d, signal %d", code, got.ExitStatus(), got.Signal())
		}
	}
}

// gRPC status codes that PID 1 does not use.
const (
	alreadyExists = 6
	unimplemented = 12
)

// PID 1 distinguishes rejections of containerd by their status code, not by their text.
func TestRejections(t *testing.T) {
	t.Parallel()
	r := realRuntime(t)
	ctx, config := t.Context(), `{"ociVersion": "1.0.2", "root": {"path": "/"}}`
	if err := r.create(ctx, "other", "web", config); err != nil {
		t.Fatal(err)
	}
	if err := r.create(ctx, "other", "web", config); !isRejected(err, alreadyExists) {
		t.Errorf("name already in use: %v", err)
	}
	const missing = `containerd rejected the request: container "db" in namespace "other": not found`
	if pid, err := r.startTask(ctx, "other", "db"); pid != 0 || !isRejected(err, grpc.NotFound) || err.Error() != missing {
		t.Errorf("task without a container: %d, %v", pid, err)
	}
	if _, err := r.endTask(ctx, "other", "web"); !isRejected(err, grpc.NotFound) {
		t.Errorf("end of a task that does not exist: %v", err)
	}
	if _, err := r.Instance.call(ctx, "other", "tasks.v1.Tasks/Dance", nil); !isRejected(err, unimplemented) {
		t.Errorf("unknown method: %v", err)
	}
	if _, err := r.Instance.call(ctx, "no/namespace", "containers.v1.Containers/List", nil); err == nil || errors.Is(err, grpc.ErrProtocol) {
		t.Errorf("invalid namespace: %v", err)
	}
	if err := r.remove(ctx, "other", "web"); err != nil {
		t.Error(err)
	}
}
