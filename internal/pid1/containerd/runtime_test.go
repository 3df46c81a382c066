package containerd

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/container"
)

// realRuntime starts the containerd of this host with its own root, state and socket.
func realRuntime(t *testing.T) *Runtime {
	t.Helper()
	if _, err := exec.LookPath("containerd"); err != nil {
		t.Fatal("needs containerd; install Debian's package of that name")
	}
	if os.Getuid() != 0 {
		t.Skip("containerd needs root")
	}
	dir, err := os.MkdirTemp("/run", "containerd-test-") // a short path, since the paths of sockets are limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	instance := Stock
	instance.Socket, instance.Settings, instance.Tasks = dir+"/sock", dir+"/settings", dir+"/state/io.containerd.runtime.v2.task"
	config := "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.internal.v1.opt\"]\n"
	settings := strings.ReplaceAll("cliopts = \"--config DIR/config --root DIR/root --state DIR/state --address DIR/sock\"\n"+
		"stderr = \"DIR/log\"\n", "DIR", dir)
	for name, text := range map[string]string{"config": config, "settings": settings} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d := &Daemon{Instance: instance, Reaper: reaper, Environ: environ, Null: null(t), Warn: func(msg string) { t.Error(msg) }}
	d.Start()
	t.Cleanup(d.Stop)
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	if err := instance.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	return &Runtime{
		Instance: instance, Reaper: reaper, Environ: environ, Null: null(t), Dir: dir + "/shim",
		Warn: func(msg string) { t.Error(msg) },
	}
}

func TestRemoveStale(t *testing.T) {
	t.Parallel()
	r := realRuntime(t)
	for _, id := range []string{"db", "web"} {
		if err := r.create(t.Context(), Namespace, id, `{"ociVersion": "1.0.2", "root": {"path": "/"}}`); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := r.containers(t.Context(), Namespace); err != nil || !slices.Equal(got, []string{"db", "web"}) {
		t.Fatalf("%q, %v", got, err)
	}
	if err := r.RemoveStale(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := r.containers(t.Context(), Namespace); err != nil || len(got) > 0 {
		t.Errorf("left over: %q, %v", got, err)
	}
	if err := r.Delete(t.Context(), container.Container{ID: "web"}); err != nil {
		t.Errorf("delete of a container that does not exist: %v", err)
	}
}

func TestUnresponsiveContainerd(t *testing.T) {
	t.Parallel()
	r := &Runtime{Instance: Instance{Socket: filepath.Join(t.TempDir(), "none")}}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Start(ctx, container.Container{ID: "web"}); !errors.Is(err, ErrUnresponsive) {
		t.Errorf("start: %v", err)
	}
	if err := r.Delete(ctx, container.Container{ID: "web"}); !errors.Is(err, ErrUnresponsive) {
		t.Errorf("delete: %v", err)
	}
	cause := errors.New("the machine is shutting down")
	cancelled, stop := context.WithCancelCause(t.Context())
	stop(cause)
	if _, err := r.Start(cancelled, container.Container{ID: "web"}); !errors.Is(err, cause) {
		t.Errorf("start in a shutdown: %v", err)
	}
}

// containerd cleans up after a shim that died by name, so nothing of that name may be started
// before it is done.
func TestWaitRemoved(t *testing.T) {
	t.Parallel()
	tasks := t.TempDir()
	dir := filepath.Join(tasks, Namespace, "web")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	orphan := &task{Runtime: &Runtime{Instance: Instance{Tasks: tasks}}, Container: container.Container{ID: "web"}}
	done := make(chan struct{})
	go func() {
		orphan.waitRemoved(t.Context())
		close(done)
	}()
	select {
	case <-done:
		t.Fatal("returned before the directory was removed")
	case <-time.After(3 * waitPoll):
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	<-done
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	orphan.waitRemoved(ended) // returns once ctx has ended
}
