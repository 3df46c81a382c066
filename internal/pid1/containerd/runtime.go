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

// Timeouts of operations, including the wait for a restart of containerd.
const (
	startWait  = time.Minute
	deleteWait = 20 * time.Second
	sweepWait  = 10 * time.Second
	shimWait   = time.Second // to learn that a shim has died
	retryPause = 200 * time.Millisecond
)

// Runtime runs containers as containerd tasks.
type Runtime struct {
	Instance Instance
	Reaper   *process.Reaper
	Environ  []string // of runc
	Null     *os.File
	Dir      string // for the links of Install and of starts
	Warn     func(msg string)
}

// Start implements container.Runtime. If containerd exits during the start, it cleans up and tries
// again once containerd is back.
func (r *Runtime) Start(ctx context.Context, c container.Container) (*container.Process, error) {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for {
		if err := r.Instance.Wait(ctx); err != nil {
			return nil, err
		}
		p, err := r.start(ctx, c)
		if err == nil {
			return p, nil
		}
		retry := !r.Instance.accepting() && ctx.Err() == nil
		r.cleanUp(p, c)
		if !retry {
			return nil, err
		}
	}
}

// start makes one attempt. It returns the process, if there is one, even if the start fails.
func (r *Runtime) start(ctx context.Context, c container.Container) (*container.Process, error) {
	config, dir, err := r.prepareStart(c)
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
	return p, p.WaitExec(ctx)
}

func (r *Runtime) namespace(c container.Container) string { return cmp.Or(c.Namespace, Namespace) }

// prepareStart makes the directory of a start with the links for RuncShim, and returns the changed
// config.json, whose paths are absolute.
func (r *Runtime) prepareStart(c container.Container) (config, dir string, err error) {
	dir = r.startDir(c.ID)
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
	return changed.Text(), dir, linkDescriptors(dir, c)
}

// cleanUp kills and deletes what a failed start left. It has its own timeout, since that of the
// start may have expired.
func (r *Runtime) cleanUp(p *container.Process, c container.Container) {
	ctx, cancel := context.WithTimeout(context.Background(), sweepWait)
	defer cancel()
	if p != nil {
		p.KillAll(p.Cgroup)
	}
	if !killShims(r.namespace(c), c.ID) {
		r.removeLeftovers(ctx, r.namespace(c), c.ID)
	}
	_ = r.Delete(ctx, c) // the next start reports an error
}

// Delete implements container.Runtime.
func (r *Runtime) Delete(ctx context.Context, c container.Container) error {
	ctx, cancel := context.WithTimeout(ctx, deleteWait)
	defer cancel()
	for {
		if err := r.Instance.Wait(ctx); err != nil {
			return err
		}
		err := r.remove(ctx, r.namespace(c), c.ID)
		if err == nil {
			return nil
		}
		select { // the task may still be exiting
		case <-time.After(retryPause):
		case <-ctx.Done():
			return err
		}
	}
}

// RemoveStale deletes the containers that an earlier boot left in LinuxKit's namespace, on a
// machine that keeps /var on a disk.
func (r *Runtime) RemoveStale(ctx context.Context) error {
	old, err := r.containers(ctx, Namespace)
	for _, id := range old {
		err = errors.Join(err, r.Delete(ctx, container.Container{ID: id}))
	}
	return err
}
