package container

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/logs"
)

// Job is a bundle to run, with its logs: what onboot, onshutdown and services
// have in common. One goroutine at a time may start it.
type Job struct {
	ID     string
	Dir    string
	Log    string   // path of the log of standard error
	OutLog string   // path of that of standard output
	Env    []string // of the runtime itself
	Null   *os.File
	Warn   func(msg string) // told, once a log, that lines are lost
	Tail   logs.Tail
	Mark   *logs.Mark // looked for in what the next run prints, or nil
	Files  []*os.File // descriptors 3 and up of the next run

	RunDir  string   // where a changed config.json goes, below bundles/ID
	Environ []string // NAME=VALUE, over the environment in config.json
	Notify  string   // path of the socket that NOTIFY_SOCKET is to lead to, or ""

	bundle   *bundle.Bundle
	out, err *logs.Stream
}

// Run is one run of a job.
type Run struct {
	*Process
	out, err *logs.Pipe
}

// Start prepares the bundle, if that has not been done, and starts the container.
func (j *Job) Start(ctx context.Context, rt Runtime) (*Run, error) {
	if err := j.open(); err != nil {
		return nil, err
	}
	dir, err := j.adjust()
	if err != nil {
		return nil, err
	}
	out, err := j.out.Pipe(j.Mark)
	if err != nil {
		return nil, err
	}
	errPipe, err := j.err.Pipe(j.Mark)
	if err != nil {
		out.Close()
		return nil, err
	}
	r := &Run{out: out, err: errPipe}
	c := j.container()
	c.Bundle, c.Env, c.Stdin, c.Stdout, c.Stderr, c.Files = dir, j.Env, j.Null, out.W, errPipe.W, j.Files
	if j.bundle.Attaches() {
		c.Attach = j.Dir
	}
	r.Process, err = rt.Start(ctx, c)
	out.Started()
	errPipe.Started()
	if err != nil {
		r.Drain()
		return nil, err
	}
	return r, nil
}

// container names the container.
func (j *Job) container() Container { return Container{ID: j.ID, Namespace: j.bundle.Namespace} }

// Delete makes the runtime forget a container that was started and has ended.
func (j *Job) Delete(ctx context.Context, rt Runtime) error { return rt.Delete(ctx, j.container()) }

func (j *Job) open() error {
	if j.out == nil {
		lost := func(err error) { j.Warn("log: " + err.Error()) }
		j.out, j.err = logs.Open(j.OutLog, &j.Tail, lost), logs.Open(j.Log, &j.Tail, lost)
	}
	if j.bundle == nil {
		b, err := bundle.Open(j.Dir)
		if err != nil {
			return err
		}
		j.bundle = b
	}
	return j.bundle.Prepare()
}

// adjust returns the directory of the bundle as the next run needs it.
func (j *Job) adjust() (string, error) {
	if len(j.Environ) == 0 && j.Notify == "" {
		return j.Dir, nil
	}
	c, err := bundle.ReadConfig(j.Dir)
	if err != nil {
		return "", err
	}
	for _, variable := range j.Environ {
		c.SetEnv(variable)
	}
	if j.Notify != "" {
		c.SetEnv("NOTIFY_SOCKET=" + c.Bind(j.Notify, "notify"))
	}
	dir := filepath.Join(j.RunDir, "bundles", j.ID)
	return dir, c.Write(dir)
}

// Release unmounts what the bundle has mounted for itself and closes the logs.
func (j *Job) Release() error {
	if j.out != nil {
		j.out.Close()
		j.err.Close()
	}
	if j.bundle == nil {
		return nil
	}
	return j.bundle.Release()
}

// drainWait is how long to wait for the last words of a process that has ended.
const drainWait = 500 * time.Millisecond

// Drain waits a moment for the last words of the container, and closes its pipes.
func (r *Run) Drain() {
	r.out.Drain(drainWait)
	r.err.Drain(drainWait)
}
