package container

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/file"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// runcTimeout is how long one call of runc may take. A start takes 50 ms on
// a present-day machine and a second in an emulated one.
const runcTimeout = time.Minute

// execPoll is how often to look whether runc's child has become the program.
const execPoll = 10 * time.Millisecond

// places are where components put runc.
var places = []string{"/usr/bin/runc", "/usr/sbin/runc", "/bin/runc", "/sbin/runc", "/usr/local/bin/runc", "/usr/local/sbin/runc"}

// Runc runs containers by runc (github.com/opencontainers/runc) alone. Each
// container's process becomes a child of PID 1 when runc has gone.
type Runc struct {
	path   string
	copy   *os.File // what path leads to, or nil
	dir    string   // for pid files
	null   *os.File
	reaper *process.Reaper
}

// FindRunc returns the runtime of this machine: runc, or None. dir is where
// pid files go.
func FindRunc(reaper *process.Reaper, null *os.File, dir string) (Runtime, error) {
	for _, path := range places {
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			continue
		}
		r := &Runc{dir: dir, null: null, reaper: reaper}
		r.path, r.copy = sealed(path)
		return r, os.MkdirAll(dir, 0o700)
	}
	return None{}, ErrNoRuntime
}

// Path returns where runc is to be run from.
func (r *Runc) Path() string { return r.path }

// Start implements Runtime. One call of runc does all, unless something has to
// happen between making and starting.
func (r *Runc) Start(ctx context.Context, c Container) (*Process, error) {
	ctx, cancel := context.WithTimeout(ctx, runcTimeout)
	defer cancel()
	defer r.reaper.Hold()() // until the container's process is claimed
	p, err := r.start(ctx, c)
	if err == nil {
		return p, nil
	}
	if p != nil {
		p.Kill(time.Second)
	}
	r.sweepUp(c.ID)
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
	process.Punctual(p.Pid, p.Cgroup)
	if c.Attach != "" {
		if err := bundle.Attach(c.Attach, child.Pid); err != nil {
			return p, err
		}
		if err := r.call(ctx, c, "start", c.ID); err != nil {
			return p, err
		}
	}
	return p, p.Executed(ctx)
}

// create calls runc and claims the process that it wrote down.
func (r *Runc) create(ctx context.Context, c Container, verb []string) (*process.Child, error) {
	pidFile := filepath.Join(r.dir, c.ID+".pid")
	if err := os.Remove(pidFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err // an old pid must not be taken for the new one
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
		Stdin: c.Stdin, Stdout: c.Stdout, Stderr: c.Stderr, Files: c.Files, Late: true,
	})
	if err == nil && status != 0 {
		err = ErrStart
	}
	return err
}

// Executed waits until the container's program has taken the place of runc's
// own "runc:[2:INIT]".
func (p *Process) Executed(ctx context.Context) error {
	comm := "/proc/" + strconv.Itoa(p.Pid) + "/comm"
	for strings.HasPrefix(file.Line(comm), "runc:[") {
		select {
		case <-p.Done():
		case <-time.After(execPoll):
		case <-ctx.Done():
			return process.Ended(ctx)
		}
	}
	return nil
}

// sweepUp deletes what a start that failed has left. It has time of its own,
// since that of the start may be over.
func (r *Runc) sweepUp(id string) {
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
