package containerd

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// task is a container together with its shim, the parent of its process.
type task struct {
	*Runtime
	container.Container
	shim   *process.Child // nil if the process had exited before the shim was found
	ended  chan struct{}  // closed when the process has exited, which is before the shim exits
	orphan sync.Once
}

// watch follows the process of a container and its shim. A shim exits once its task is deleted; an
// earlier exit is a crash.
func (r *Runtime) watch(c container.Container, pid int) (*container.Process, error) {
	t := &task{Runtime: r, Container: c, ended: make(chan struct{})}
	var err error
	if parent := parentOf(pid); parent != 0 {
		if t.shim, err = process.Watch(parent, func() syscall.WaitStatus { return 0 }); err != nil {
			return nil, err
		}
	}
	p := &container.Process{Cgroup: process.CgroupOf(pid)}
	if p.Child, err = process.Watch(pid, t.status); err != nil {
		return nil, err
	}
	if t.shim == nil {
		return p, nil
	}
	guard.Go("watch of a shim", func() {
		<-t.shim.Done()
		select {
		case <-t.ended:
		default:
			t.shimDied()
			p.KillAll(p.Cgroup)
		}
	})
	return p, nil
}

// parentOf returns the parent of a process (proc_pid_stat(5)): 0 if the process has exited, and
// noProcess if its shim has, since PID 1 is the parent then.
func parentOf(pid int) int {
	fields := process.Stat(pid)
	if len(fields) <= process.StatParent {
		return 0
	}
	parent, _ := strconv.Atoi(fields[process.StatParent]) // the kernel writes a number
	if parent == os.Getpid() {
		return noProcess
	}
	return parent
}

// noProcess is above the largest possible pid (PID_MAX_LIMIT, 4194304).
const noProcess = 1 << 30

// shimDied reports, once, that the shim has died before the container, which cannot be managed any
// more. containerd kills the container as well, and may be faster.
func (t *task) shimDied() {
	t.orphan.Do(func() { t.Warn("containerd shim of " + t.ID + " died; killing " + t.ID) })
}

// status returns the exit status of the task, from containerd, and deletes the task. containerd
// deletes a task whose shim has died by itself.
func (t *task) status() syscall.WaitStatus {
	close(t.ended)
	ctx, cancel := context.WithTimeout(context.Background(), deleteWait)
	defer cancel()
	for (t.shim == nil || !t.shim.Ended()) && t.Instance.Wait(ctx) == nil {
		status, err := t.endTask(ctx, t.namespace(t.Container), t.ID)
		if err == nil {
			return status
		}
		if t.Instance.accepting() {
			break
		}
	}
	if t.shim == nil || t.shim.WaitFor(shimWait) {
		t.shimDied()
		t.waitRemoved(ctx)
	}
	return process.StatusLost
}

// cleanupTimeout is how long containerd has to clean up after a shim. Its own limit is 5 s
// (containerd, io.containerd.timeout.shim.cleanup), after which it leaves everything in place.
const cleanupTimeout = 10 * time.Second

// waitRemoved waits until containerd has cleaned up after a shim that died, and else cleans up
// itself. containerd cleans up by name, and would delete the next container of that name.
func (t *task) waitRemoved(ctx context.Context) {
	dir := filepath.Join(t.Instance.Tasks, t.namespace(t.Container), t.ID)
	timeout := time.After(cleanupTimeout)
	for {
		if _, err := os.Lstat(dir); err != nil {
			return
		}
		select {
		case <-time.After(waitPoll):
		case <-ctx.Done():
			return
		case <-timeout:
			t.removeLeftovers(ctx, t.namespace(t.Container), t.ID)
			return
		}
	}
}
