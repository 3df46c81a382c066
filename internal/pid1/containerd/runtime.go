package containerd

import (
	"cmp"
	"context"
	"errors"
	"os"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// Bounds of what is asked of containerd, the wait for one that is coming back included.
const (
	startWait  = time.Minute
	deleteWait = 20 * time.Second
	sweepWait  = 10 * time.Second
	shimWait   = time.Second // until it is known that a shim has died
	retryPause = 200 * time.Millisecond
)

// Runtime runs containers as containerd's tasks.
type Runtime struct {
	Place   Place
	Reaper  *process.Reaper
	Environ []string // of runc
	Null    *os.File
	Dir     string // for what Between needs, see Install
	Warn    func(msg string)
}

// Start implements container.Runtime. Where containerd has died over it, nothing is
// left running, and it is tried again when containerd is back.
func (r *Runtime) Start(ctx context.Context, c container.Container) (*container.Process, error) {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for {
		if err := r.Place.Wait(ctx); err != nil {
			return nil, err
		}
		p, err := r.start(ctx, c)
		if err == nil {
			return p, nil
		}
		again := !r.Place.answers() && ctx.Err() == nil
		r.sweepUp(p, c)
		if !again {
			return nil, err
		}
	}
}

// start has one try. The process is returned even if the start fails, where there is one.
func (r *Runtime) start(ctx context.Context, c container.Container) (*container.Process, error) {
	config, dir, err := r.lay(c)
	defer os.RemoveAll(dir)
	if err != nil {
		return nil, err
	}
	if err := r.create(ctx, r.namespace(c), c.ID, config); err != nil {
		return nil, err
	}
	pid, err := r.startTask(ctx, r.namespace(c), c.ID)
	if pid < 2 {
		return nil, cmp.Or(err, container.ErrStart)
	}
	p, watchErr := r.watch(c, pid)
	if err = cmp.Or(err, watchErr); err != nil {
		return p, err
	}
	return p, p.Executed(ctx)
}

func (r *Runtime) namespace(c container.Container) string { return cmp.Or(c.Namespace, Namespace) }

// lay makes the directory that a start needs, with what Between is to find, and returns
// the changed config.json, which has no path relative to the bundle.
func (r *Runtime) lay(c container.Container) (config, dir string, err error) {
	dir = r.handover(c.ID)
	if err := os.RemoveAll(dir); err != nil {
		return "", dir, err
	}
	changed, err := bundle.ReadConfig(c.Bundle)
	if err != nil {
		return "", dir, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", dir, err
	}
	return changed.Text(), dir, handOver(dir, c)
}

// sweepUp ends and forgets what a start that failed has left. It has time of its
// own, since that of the start may be over.
func (r *Runtime) sweepUp(p *container.Process, c container.Container) {
	ctx, cancel := context.WithTimeout(context.Background(), sweepWait)
	defer cancel()
	if p != nil {
		p.KillAll(p.Cgroup)
	}
	if !killShims(r.namespace(c), c.ID) {
		r.clean(ctx, r.namespace(c), c.ID)
	}
	_ = r.Delete(ctx, c) // the next start would say so
}

// Delete implements container.Runtime.
func (r *Runtime) Delete(ctx context.Context, c container.Container) error {
	ctx, cancel := context.WithTimeout(ctx, deleteWait)
	defer cancel()
	for {
		if err := r.Place.Wait(ctx); err != nil {
			return err
		}
		err := r.forget(ctx, r.namespace(c), c.ID)
		if err == nil {
			return nil
		}
		select { // its task may still be on its way out
		case <-time.After(retryPause):
		case <-ctx.Done():
			return err
		}
	}
}

// Clear deletes the containers that LinuxKit's namespace has from before: those of a
// machine whose power failed, and which keeps /var on a disk.
func (r *Runtime) Clear(ctx context.Context) error {
	old, err := r.containers(ctx, Namespace)
	for _, id := range old {
		err = errors.Join(err, r.Delete(ctx, container.Container{ID: id}))
	}
	return err
}
