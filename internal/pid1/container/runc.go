package container

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/file"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// runcTimeout limits one call of runc. A start takes 50 ms on current hardware and a second in
// emulation.
const runcTimeout = time.Minute

// execPoll is the polling interval of WaitExec.
const execPoll = 10 * time.Millisecond

// runcPaths are the paths at which components install runc.
var runcPaths = []string{
	"/usr/bin/runc", "/usr/sbin/runc", "/bin/runc", "/sbin/runc", "/usr/local/bin/runc", "/usr/local/sbin/runc",
}

// Runc runs containers with runc (github.com/opencontainers/runc). The process of a container
// becomes a child of PID 1 when runc exits.
type Runc struct {
	path   string
	copy   *os.File // the sealed copy behind path, or nil
	dir    string   // for pid files
	null   *os.File
	reaper *process.Reaper
}

// FindRunc returns runc as the runtime, or NoRuntime and ErrNoRuntime if the machine has none. dir
// is the directory of the pid files.
func FindRunc(reaper *process.Reaper, null *os.File, dir string) (Runtime, error) {
	for _, path := range runcPaths {
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			continue
		}
		r := &Runc{dir: dir, null: null, reaper: reaper}
		r.path, r.copy = sealedCopy(path)
		return r, os.MkdirAll(dir, 0o700)
	}
	return NoRuntime{}, ErrNoRuntime
}

// Path returns the path of runc, which may be that of a sealed copy.
func (r *Runc) Path() string { return r.path }

// Start implements Runtime. It calls "runc run", or "runc create" and "runc start" if there is a
// bundle to attach.
func (r *Runc) Start(ctx context.Context, c Container) (*Process, error) {
	ctx, cancel := context.WithTimeout(ctx, runcTimeout)
	defer cancel()
	defer r.reaper.Hold()() // until the pid of the container's process is claimed
	p, err := r.start(ctx, c)
	if err == nil {
		return p, nil
	}
	if p != nil {
		p.Kill(time.Second)
	}
	r.cleanUp(c.ID)
	return nil, err
}

func (r *Runc) start(ctx context.Context, c Container) (*Process, error) {
	verb := []string{"run", "--detach"}
	if c.Attach != "" {
		verb = []string{"create"}
	}
	child, err := r.create(ctx, c, verb)
	if err != nil {
		return nil, err
	}
	p := &Process{Child: child, Cgroup: process.CgroupOf(child.Pid)}
	process.RestoreContainerSlack(p.Pid, p.Cgroup)
	if c.Attach != "" {
		if err := bundle.Attach(c.Attach, child.Pid); err != nil {
			return p, err
		}
		if err := r.call(ctx, c, "start", c.ID); err != nil {
			return p, err
		}
	}
	return p, p.WaitExec(ctx)
}

// create calls runc and claims the pid in its pid file.
func (r *Runc) create(ctx context.Context, c Container, verb []string) (*process.Child, error) {
	pidFile := filepath.Join(r.dir, c.ID+".pid")
	if err := file.Remove(pidFile); err != nil {
		return nil, err // a stale pid must not be used
	}
	verb = append(verb, "--bundle", c.Bundle, "--pid-file", pidFile, "--preserve-fds", strconv.Itoa(len(c.Files)), c.ID)
	if err := r.call(ctx, c, verb...); err != nil {
		return nil, err
	}
	text := file.Line(pidFile)
	pid, err := strconv.Atoi(text)
	if err != nil || pid < 2 {
		return nil, &os.PathError{Op: "read", Path: pidFile, Err: ErrStart}
	}
	return r.reaper.Claim(pid), nil
}

func (r *Runc) call(ctx context.Context, c Container, args ...string) error {
	status, err := r.reaper.Run(ctx, process.Program{
		Path: r.path, Args: append([]string{"runc"}, args...), Env: c.Env,
		Stdin: c.Stdin, Stdout: c.Stdout, Stderr: c.Stderr, Files: c.Files, RelaxedSlack: true,
		Direct: r.copy != nil,
	})
	if err == nil && status != 0 {
		err = ErrStart
	}
	return err
}

// WaitExec waits until the container's program has replaced runc's init process, "runc:[2:INIT]".
func (p *Process) WaitExec(ctx context.Context) error {
	comm := "/proc/" + strconv.Itoa(p.Pid) + "/comm"
	for strings.HasPrefix(file.Line(comm), "runc:[") {
		select {
		case <-p.Done():
		case <-time.After(execPoll):
		case <-ctx.Done():
			return process.ContextError(ctx)
		}
	}
	return nil
}

// cleanUp deletes what a failed start left. It has its own timeout, since that of the start may
// have expired.
func (r *Runc) cleanUp(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), runcTimeout/6)
	defer cancel()
	_ = r.Delete(ctx, Container{ID: id}) // there may be nothing to delete
}

// Delete implements Runtime.
func (r *Runc) Delete(ctx context.Context, c Container) error {
	ctx, cancel := context.WithTimeout(ctx, runcTimeout)
	defer cancel()
	c.Stdin, c.Stdout, c.Stderr = r.null, r.null, r.null
	return r.call(ctx, c, "delete", "--force", c.ID)
}
