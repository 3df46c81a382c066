package pid1

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// oneshot is an onboot or onshutdown container, which runs once and to its end.
type oneshot struct {
	event   string // record.Onboot or record.Onshutdown
	dir     string
	id      string // NNN-name, the name of its directory
	logs    string // prefix of the paths of its logs
	timeout time.Duration
	stop    bool // a failure stops the boot
}

// reason is the reason in the record of a failure.
func (o oneshot) reason(r process.Outcome) string {
	if o.stop {
		return r.String() + "; boot stopped (onboot.onFailure: stop)"
	}
	return r.String()
}

// killWait limits the wait for a container that was killed.
const killWait = 5 * time.Second

// run runs a container to its end and writes its records. A container that does not end
// within its timeout is killed.
func (m *machine) run(ctx context.Context, o oneshot) process.Outcome {
	began := time.Now()
	name := bundle.Name(o.id)
	job := &container.Job{
		ID: o.id, Dir: filepath.Join(o.dir, o.id), Env: environ, Null: m.null,
		RunDir: runDir, Environ: slices.Concat(m.config.Env, m.config.Service(name).Env),
		Log: o.logs + o.id + ".log", OutLog: o.logs + o.id + ".out.log",
		Warn: func(msg string) { m.console.Log(console.Error, o.event+" "+name+": "+msg) },
	}
	r := m.runJob(ctx, job, o.timeout)
	m.console.Emit(o.event,
		record.Field{Key: record.KeyName, Value: name},
		record.Field{Key: r.Key, Value: r.Value},
		record.Field{Key: record.KeyTime, Value: milliseconds(time.Since(began))})
	if !r.Success() && (ctx.Err() == nil || o.event == record.Onshutdown) { // an onboot interrupted by a shutdown has not failed
		m.console.Emit(record.Failed,
			record.Field{Key: o.event, Value: name},
			record.Field{Key: record.KeyReason, Value: o.reason(r)},
			record.Field{Key: record.KeyTail, Value: job.Tail.Lines(record.TailLines, record.TailBytes)})
	}
	if err := job.Release(); err != nil {
		m.console.Log(console.Warn, name+": "+err.Error())
	}
	return r
}

func (m *machine) runJob(ctx context.Context, job *container.Job, timeout time.Duration) process.Outcome {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var run *container.Run
	err := inTime("start", timeout+launchMargin, func() (err error) {
		run, err = job.Start(ctx, m.runtime)
		return err
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return process.ErrorOutcome(process.ContextError(ctx))
	case err != nil:
		return process.ErrorOutcome(err)
	}
	defer run.Drain()
	select {
	case <-run.Done():
		return process.OutcomeOf(run.Status())
	case <-ctx.Done():
	}
	run.Kill(killWait)
	return process.ErrorOutcome(process.ContextError(ctx))
}
