package container

import (
	"context"
	"os"
	"strconv"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/logs"
)

// Job is a bundle to run, with its logs: what onboot, onshutdown and services
// have in common. One goroutine at a time may start it.
type Job struct {
	ID     string
	Dir    string
	Log    string // path of the log of standard error
	OutLog string // path of that of standard output
	Env    []string
	Null   *os.File
	Warn   func(msg string) // told of what is not done, and of log lines lost
	Tail   logs.Tail

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
	out, err := j.out.Pipe()
	if err != nil {
		return nil, err
	}
	errPipe, err := j.err.Pipe()
	if err != nil {
		out.Close()
		return nil, err
	}
	r := &Run{out: out, err: errPipe}
	c := Container{ID: j.ID, Bundle: j.Dir, Env: j.Env, Stdin: j.Null, Stdout: out.W, Stderr: errPipe.W}
	if len(j.bundle.BindNS) > 0 {
		c.Created = func(pid int) error { return j.bundle.Bind(strconv.Itoa(pid)) }
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

func (j *Job) open() error {
	if j.out == nil {
		j.out, j.err = logs.Open(j.OutLog, &j.Tail), logs.Open(j.Log, &j.Tail)
		j.tellLost()
	}
	if j.bundle == nil {
		b, err := bundle.Open(j.Dir)
		if err != nil {
			return err
		}
		j.bundle = b
		if b.Interfaces > 0 {
			j.Warn("runtime.json asks for " + strconv.Itoa(b.Interfaces) + " network interfaces, which this init neither moves nor makes; configure them inside the container")
		}
	}
	return j.bundle.Prepare()
}

func (j *Job) tellLost() {
	for _, s := range []*logs.Stream{j.out, j.err} {
		if err := s.Err(); err != nil {
			j.Warn("log goes nowhere: " + err.Error())
		}
	}
}

// Release unmounts what the bundle has mounted for itself and closes the logs.
func (j *Job) Release() error {
	if j.out != nil {
		j.tellLost()
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
