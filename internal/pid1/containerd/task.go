package containerd

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/file"
	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// task is a container with the shim that is its process's parent.
type task struct {
	*Runtime
	container.Container
	shim   *process.Child // nil where the process had ended before it could be found
	ended  chan struct{}  // closed when its process has, which is before its shim goes
	orphan sync.Once
}

// watch follows a container's process and its shim. A shim goes once its task is
// deleted; before that it has died.
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
			t.orphaned()
			p.KillAll(p.Cgroup)
		}
	})
	return p, nil
}

// parentOf returns the parent of a process (proc_pid_stat(5)), or 0 where the process
// is gone. PID 1 is the parent of one whose shim is gone, and then this is nobody.
func parentOf(pid int) int {
	stat := file.Line("/proc/" + strconv.Itoa(pid) + "/stat")
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:]) // a command may have blanks
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1]) // the kernel's own number
	if parent == os.Getpid() {
		return nobody
	}
	return parent
}

// nobody is above the largest pid there can be (PID_MAX_LIMIT, 4194304).
const nobody = 1 << 30

// orphaned tells, once, that the shim has died before the container: nobody could
// ever manage it again. containerd kills it as well, and may be faster.
func (t *task) orphaned() {
	t.orphan.Do(func() { t.Warn("containerd's shim of " + t.ID + " has died; " + t.ID + " is killed") })
}

// status asks containerd how the task has ended, and makes it forget the task. One
// whose shim has died it forgets by itself.
func (t *task) status() syscall.WaitStatus {
	close(t.ended)
	ctx, cancel := context.WithTimeout(context.Background(), deleteWait)
	defer cancel()
	for (t.shim == nil || !t.shim.Ended()) && t.Place.Wait(ctx) == nil {
		status, err := t.endTask(ctx, t.namespace(t.Container), t.ID)
		if err == nil {
			return status
		}
		if t.Place.answers() {
			break
		}
	}
	if t.shim == nil || t.shim.WaitFor(shimWait) {
		t.orphaned()
		t.forgotten(ctx)
	}
	return process.Lost
}

// broomWait is how long containerd has for clearing up. It gives itself 5 s (containerd,
// io.containerd.timeout.shim.cleanup), and then leaves everything as it is.
const broomWait = 10 * time.Second

// forgotten waits until containerd has cleared up after a shim that died, and else does so
// itself. containerd does it by name, and would take what is started next for what it had.
func (t *task) forgotten(ctx context.Context) {
	dir := filepath.Join(t.Place.Tasks, t.namespace(t.Container), t.ID)
	late := time.After(broomWait)
	for {
		if _, err := os.Lstat(dir); err != nil {
			return
		}
		select {
		case <-time.After(waitPoll):
		case <-ctx.Done():
			return
		case <-late:
			t.clean(ctx, t.namespace(t.Container), t.ID)
			return
		}
	}
}
