package containerd

import (
	"cmp"
	"context"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/file"
	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// task is a container with the shim that is its process's parent.
type task struct {
	*Runtime
	container.Container
	shim   *process.Child
	ended  chan struct{} // closed when its process has, which is before its shim goes
	orphan sync.Once
}

// watch follows a container's process and its shim. A shim goes once its task is
// deleted; before that it has died.
func (r *Runtime) watch(c container.Container, pid int) (*container.Process, error) {
	parent := parentOf(pid)
	shim, err := process.Watch(cmp.Or(parent, nobody), func() syscall.WaitStatus { return 0 })
	if err != nil {
		return nil, err
	}
	t := &task{Runtime: r, Container: c, shim: shim, ended: make(chan struct{})}
	p := &container.Process{Cgroup: process.CgroupOf(pid)}
	if p.Child, err = process.Watch(pid, t.status); err != nil {
		return nil, err
	}
	if parent == 0 {
		return p, nil // it has ended already
	}
	guard.Go("watch of a shim", func() {
		<-shim.Done()
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
// whose shim has died it does not know any more.
func (t *task) status() syscall.WaitStatus {
	close(t.ended)
	ctx, cancel := context.WithTimeout(context.Background(), deleteWait)
	defer cancel()
	for t.Place.Wait(ctx) == nil {
		said, err := t.ask(ctx, t.namespace(t.Container), "tasks", "delete", "--force", t.ID)
		if err == nil {
			return t.read(said)
		}
		if t.Place.answers() {
			break
		}
	}
	if t.shim.WaitFor(shimWait) {
		t.orphaned()
	}
	return process.Lost
}

func (t *task) read(said string) syscall.WaitStatus {
	status, known := statusOf(said)
	if !known {
		t.Warn("ctr says of the end of " + t.ID + " what this init does not understand: " + said)
	}
	return status
}
