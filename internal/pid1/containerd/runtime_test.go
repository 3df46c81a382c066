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

// realRuntime starts this machine's containerd beside whatever else it may run for.
func realRuntime(t *testing.T) *Runtime {
	t.Helper()
	if _, err := exec.LookPath("containerd"); err != nil {
		t.Fatal("needs containerd; install Debian's package of that name")
	}
	if os.Getuid() != 0 {
		t.Skip("containerd takes root")
	}
	dir, err := os.MkdirTemp("/run", "containerd-test-") // a short path: it becomes those of sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	place := Stock
	place.Socket, place.Settings, place.Tasks = dir+"/sock", dir+"/settings", dir+"/state/io.containerd.runtime.v2.task"
	config := "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.internal.v1.opt\"]\n"
	settings := strings.ReplaceAll("cliopts = \"--config DIR/config --root DIR/root --state DIR/state --address DIR/sock\"\nstderr = \"DIR/log\"\n", "DIR", dir)
	for name, text := range map[string]string{"config": config, "settings": settings} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d := &Daemon{Place: place, Reaper: reaper, Environ: environ, Null: null(t), Warn: func(msg string) { t.Error(msg) }}
	d.Start()
	t.Cleanup(d.Stop)
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	if err := place.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	return &Runtime{Place: place, Reaper: reaper, Environ: environ, Null: null(t), Dir: dir + "/between", Warn: func(msg string) { t.Error(msg) }}
}

func TestContainersOfABootBeforeAreCleared(t *testing.T) {
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
	if err := r.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := r.containers(t.Context(), Namespace); err != nil || len(got) > 0 {
		t.Errorf("left: %q, %v", got, err)
	}
	if err := r.Delete(t.Context(), container.Container{ID: "web"}); err != nil {
		t.Errorf("what is not there cannot be deleted: %v", err)
	}
}

func TestNoWaitForContainerdIsForEver(t *testing.T) {
	t.Parallel()
	r := &Runtime{Place: Place{Socket: filepath.Join(t.TempDir(), "none")}}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Start(ctx, container.Container{ID: "web"}); !errors.Is(err, ErrSilent) {
		t.Errorf("start: %v", err)
	}
	if err := r.Delete(ctx, container.Container{ID: "web"}); !errors.Is(err, ErrSilent) {
		t.Errorf("delete: %v", err)
	}
	why := errors.New("the machine is shutting down")
	cancelled, stop := context.WithCancelCause(t.Context())
	stop(why)
	if _, err := r.Start(cancelled, container.Container{ID: "web"}); !errors.Is(err, why) {
		t.Errorf("start in a shutdown: %v", err)
	}
}

// TestAStartWaitsForContainerdsBroom: what containerd does after a shim has died it does
// by name, so nothing of that name may be started before.
func TestAStartWaitsForContainerdsBroom(t *testing.T) {
	t.Parallel()
	tasks := t.TempDir()
	dir := filepath.Join(tasks, Namespace, "web")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	orphan := &task{Runtime: &Runtime{Place: Place{Tasks: tasks}}, Container: container.Container{ID: "web"}}
	done := make(chan struct{})
	go func() {
		orphan.forgotten(t.Context())
		close(done)
	}()
	select {
	case <-done:
		t.Fatal("it did not wait")
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
	orphan.forgotten(ended) // not for ever
}
