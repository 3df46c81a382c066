package containerd

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/grpc"
)

func TestHowATaskEnded(t *testing.T) {
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

// Codes of gRPC's that PID 1 does not tell apart.
const (
	alreadyExists = 6
	unimplemented = 12
)

// TestWhatRealContainerdRefuses: by its status, not by its words.
func TestWhatRealContainerdRefuses(t *testing.T) {
	t.Parallel()
	r := realRuntime(t)
	ctx, config := t.Context(), `{"ociVersion": "1.0.2", "root": {"path": "/"}}`
	if err := r.create(ctx, "other", "web", config); err != nil {
		t.Fatal(err)
	}
	if err := r.create(ctx, "other", "web", config); !isRefusal(err, alreadyExists) {
		t.Errorf("a name that is taken: %v", err)
	}
	if pid, err := r.startTask(ctx, "other", "db"); pid != 0 || !isRefusal(err, grpc.NotFound) || err.Error() != `containerd refused it: container "db" in namespace "other": not found` {
		t.Errorf("a task of no container: %d, %v", pid, err)
	}
	if _, err := r.endTask(ctx, "other", "web"); !isRefusal(err, grpc.NotFound) {
		t.Errorf("the end of what does not run: %v", err)
	}
	if _, err := r.Place.call(ctx, "other", "tasks.v1.Tasks/Dance", nil); !isRefusal(err, unimplemented) {
		t.Errorf("a method that is none: %v", err)
	}
	if _, err := r.Place.call(ctx, "no/namespace", "containers.v1.Containers/List", nil); err == nil || errors.Is(err, grpc.ErrProtocol) {
		t.Errorf("a namespace that is none: %v", err)
	}
	if err := r.forget(ctx, "other", "web"); err != nil {
		t.Error(err)
	}
}
