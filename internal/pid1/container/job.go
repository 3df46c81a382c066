package container

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/file"
	"github.com/org/linuxkit-action/internal/pid1/logs"
)

// Job is a bundle that is run, with its logs: the common part of onboot, onshutdown and services.
// Start must not be called concurrently.
type Job struct {
	ID      string
	Dir     string
	Log     string   // path of the log of standard error
	OutLog  string   // path of the log of standard output
	Env     []string // of the runtime
	Null    *os.File
	Warn    func(msg string) // reports lost log lines, once a log
	Tail    logs.Tail
	Matcher *logs.Matcher // searches the output of the next run, or nil
	Files   []*os.File    // descriptors of the next run, from 3 on

	RunDir  string   // changed bundles are written to RUNDIR/bundles/ID
	Common  []string // NAME=VALUE, overrides the environment in config.json
	EnvFile string   // path of a file of NAME=VALUE lines, overrides Common; read before each run
	Environ []string // NAME=VALUE, overrides EnvFile
	Notify  string   // path of the socket for NOTIFY_SOCKET, or ""

	bundle   *bundle.Bundle
	out, err *logs.Stream
}

// Run is one run of a Job.
type Run struct {
	*Process
	out, err *logs.Pipe
	stopped  atomic.Pointer[chan struct{}] // closed when Stop has returned; nil until BeginStop
}

// Start prepares the bundle, once, and starts the container.
func (j *Job) Start(ctx context.Context, rt Runtime) (*Run, error) {
	if err := j.open(); err != nil {
		return nil, err
	}
	dir, err := j.configure()
	if err != nil {
		return nil, err
	}
	out, err := j.out.Pipe(j.Matcher)
	if err != nil {
		return nil, err
	}
	errPipe, err := j.err.Pipe(j.Matcher)
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

// container returns the fields that name the container.
func (j *Job) container() Container { return Container{ID: j.ID, Namespace: j.bundle.Namespace} }

// Delete deletes the container of a run that has ended.
func (j *Job) Delete(ctx context.Context, rt Runtime) error { return rt.Delete(ctx, j.container()) }

func (j *Job) open() error {
	if j.out == nil {
		warn := func(err error) { j.Warn("log: " + err.Error()) }
		j.out, j.err = logs.Open(j.OutLog, &j.Tail, warn), logs.Open(j.Log, &j.Tail, warn)
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

// configure returns the directory of the bundle for the next run, with the environment and socket
// of the job set.
func (j *Job) configure() (string, error) {
	fromFile, err := j.readEnvFile()
	if err != nil {
		return "", err
	}
	variables := slices.Concat(j.Common, fromFile, j.Environ)
	if len(variables) == 0 && j.Notify == "" {
		return j.Dir, nil
	}
	c, err := bundle.ReadConfig(j.Dir)
	if err != nil {
		return "", err
	}
	for _, variable := range variables {
		c.SetEnv(variable)
	}
	if j.Notify != "" {
		c.SetEnv("NOTIFY_SOCKET=" + c.Bind(j.Notify, "notify"))
	}
	dir := filepath.Join(j.RunDir, "bundles", j.ID)
	return dir, c.Write(dir)
}

// maxEnvFile is the maximal size of EnvFile in bytes.
const maxEnvFile = 64 << 10

// readEnvFile returns the variables of EnvFile. Empty lines and those that begin with # are skipped.
func (j *Job) readEnvFile() ([]string, error) {
	if j.EnvFile == "" {
		return nil, nil
	}
	text, err := file.Text(j.EnvFile, maxEnvFile)
	if err != nil {
		return nil, err
	}
	var variables []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if strings.IndexByte(line, '=') < 1 || strings.IndexByte(line, 0) >= 0 {
			return nil, &os.PathError{Op: "read environment from", Path: j.EnvFile, Err: errEnvLine}
		}
		variables = append(variables, line)
	}
	return variables, nil
}

var errEnvLine = errors.New("a line is not NAME=VALUE")

// Release unmounts what the bundle has mounted in its directory, and closes the logs.
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

// drainWait limits the wait for the last output of a process that has ended.
const drainWait = 500 * time.Millisecond

// Drain waits for the last output of the container, at most drainWait a stream, and closes the
// pipes.
func (r *Run) Drain() {
	r.out.Drain(drainWait)
	r.err.Drain(drainWait)
}
