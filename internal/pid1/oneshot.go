package pid1

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// oneshot is a container that runs to its end: of onboot or onshutdown.
type oneshot struct {
	event   string // record.Onboot or record.Onshutdown
	dir     string
	id      string // NNN-name, as the directory is called
	logs    string // prefix of the paths of its logs
	timeout time.Duration
	stop    bool // the boot stops where it fails
}

// name returns the name in the manifest: the id without its number.
func (o oneshot) name() string {
	if number, name, found := strings.Cut(o.id, "-"); found && number != "" && strings.Trim(number, "0123456789") == "" {
		return name
	}
	return o.id
}

// reason says how it failed, and what follows from it.
func (o oneshot) reason(r result) string {
	text := r.key + " " + r.value
	if o.stop {
		text += "; the boot stops here (onboot.onFailure)"
	}
	return text
}

// result is how a oneshot ended: by record.KeyExit, KeySignal or KeyError.
type result struct{ key, value string }

func (r result) well() bool { return r == result{record.KeyExit, "0"} }

// killWait is how long a container that was killed may take to go.
const killWait = 5 * time.Second

// run runs a container to its end and reports it. It returns in time, whatever
// the container does: one that does not end is killed.
func (m *machine) run(ctx context.Context, o oneshot) result {
	began := time.Now()
	job := &container.Job{
		ID: o.id, Dir: filepath.Join(o.dir, o.id), Env: environ, Null: m.null,
		RunDir: runDir, Environ: slices.Concat(m.config.Env, m.config.Service(o.name()).Env),
		Log: o.logs + o.id + ".log", OutLog: o.logs + o.id + ".out.log",
		Warn: func(msg string) { m.console.Log(console.Error, o.event+" "+o.name()+": "+msg) },
	}
	r := m.await(ctx, job, o.timeout)
	m.console.Emit(o.event, record.Field{Key: record.KeyName, Value: o.name()}, record.Field{Key: r.key, Value: r.value},
		record.Field{Key: record.KeyTime, Value: milliseconds(time.Since(began))})
	if !r.well() && ctx.Err() == nil { // one that a shutdown ended has not failed
		m.console.Emit(record.Failed, record.Field{Key: o.event, Value: o.name()},
			record.Field{Key: record.KeyReason, Value: o.reason(r)}, record.Field{Key: record.KeyTail, Value: job.Tail.Lines(record.TailLines, record.TailBytes)})
	}
	if err := job.Release(); err != nil {
		m.console.Log(console.Warn, o.name()+": "+err.Error()) // memory that is not given back
	}
	return r
}

func (m *machine) await(ctx context.Context, job *container.Job, timeout time.Duration) result {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	run, err := job.Start(ctx, m.runtime)
	switch {
	case err != nil && ctx.Err() != nil:
		return result{record.KeyError, process.Ended(ctx).Error()}
	case err != nil:
		return result{record.KeyError, err.Error()}
	}
	defer run.Drain()
	select {
	case <-run.Done():
		return resultOf(process.Outcome(run.Status()))
	case <-ctx.Done():
	}
	run.Kill(killWait)
	return result{record.KeyError, process.Ended(ctx).Error()}
}

func resultOf(key, value string) result { return result{key, value} }
