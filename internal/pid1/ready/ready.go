// Package ready checks whether a service is ready, and whether it still is.
//
// A service without a readiness setting is ready once its process has run for a short time, so that
// a command that fails at once never counts as ready. PID 1 polls the other kinds: a TCP connect,
// an HTTP status, a file, the exit status of a command. Three kinds notify PID 1: a line that the
// service prints, a message to a socket (sd_notify(3)), a newline on a descriptor (s6's
// notification-fd). Those need a socket or descriptor when the service starts, so a Probe is made
// before each run and ends with it.
//
// Services are not trusted: they may answer slowly, without end or not at all, and send any number
// of messages. Every check has a deadline, every answer a size limit, and changes are rate limited.
package ready

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/logs"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// Kind is the kind of an Event.
type Kind int

// Kinds of events.
const (
	Ready    Kind = iota // the service is ready
	NotReady             // it is not ready, or no longer; Text is the reason
	Status               // it has sent a status text (STATUS= of sd_notify)
	Extend               // it asks for more time, Time from now (EXTEND_TIMEOUT_USEC=)
	Alive                // it feeds its watchdog (WATCHDOG=1)
)

// Event is a change that a Probe reports. Text is one line of printable characters, at most 200
// bytes long.
type Event struct {
	Kind Kind
	Text string
	Time time.Duration
}

// Environment is what probes are made with.
type Environment struct {
	Reaper    *process.Reaper // runs commands
	Null      *os.File        // standard input and output of commands
	Environ   []string
	MinUptime time.Duration // how long the process must run if no readiness is configured
	Interval  time.Duration // between two checks of a service that is ready
	Socket    string        // path for the socket of sd_notify
}

// Probe detects when one run of a service is ready. Call Follow once the run has started, or Close
// if it has not.
type Probe struct {
	Matcher *logs.Matcher // searches the output of the run, or nil
	Socket  string        // path of the socket that NOTIFY_SOCKET must name in the container, or ""

	follow func(ctx context.Context, pid int, report func(Event))
	file   *os.File  // the service's end of the pipe, or nil
	own    io.Closer // PID 1's end of the socket or pipe, or nil
}

// Prepare returns a probe for the next run of a service with the readiness setting r.
func Prepare(r config.Ready, env Environment) (*Probe, error) {
	switch {
	case r.Log != "":
		return logProbe(r.Log), nil
	case r.Notify == "sd":
		return notifyProbe(env.Socket)
	case r.Notify == "fd":
		return fdProbe()
	case r.Notify != "":
		return nil, errors.New("ready: notify: " + quote(r.Notify) + " is neither sd nor fd")
	}
	check, err := newCheck(r, env)
	if err != nil {
		return nil, err
	}
	if check == nil {
		return uptimeProbe(env.MinUptime), nil
	}
	return &Probe{follow: func(ctx context.Context, pid int, report func(Event)) {
		poll(ctx, env.Interval, func(ctx context.Context) error { return check(ctx, pid) }, report)
	}}, nil
}

// Files returns the descriptors that the service gets, from 3 on.
func (p *Probe) Files() []*os.File {
	if p.file == nil {
		return nil
	}
	return []*os.File{p.file}
}

// Started closes PID 1's copy of the service's descriptors, once the service has them.
func (p *Probe) Started() {
	if p.file != nil {
		_ = p.file.Close() // nothing was written to it
	}
}

// Follow reports every change of readiness until ctx ends. pid is the first process of the service.
func (p *Probe) Follow(ctx context.Context, pid int, report func(Event)) {
	defer p.Close()
	defer context.AfterFunc(ctx, p.Close)()
	p.follow(ctx, pid, report)
}

// Close releases the socket or pipe. A second call does nothing.
func (p *Probe) Close() {
	if p.own != nil {
		_ = p.own.Close() // nothing was written to it
	}
}

// uptimeProbe reports ready after d.
func uptimeProbe(d time.Duration) *Probe {
	return &Probe{follow: func(ctx context.Context, _ int, report func(Event)) {
		select {
		case <-time.After(d):
			report(Event{Kind: Ready})
		case <-ctx.Done():
		}
	}}
}

// logProbe reports ready when a line of the output contains text.
func logProbe(text string) *Probe {
	m := logs.NewMatcher(text)
	return &Probe{Matcher: m, follow: func(ctx context.Context, _ int, report func(Event)) {
		report(Event{Kind: NotReady, Text: "no output line contains " + quote(text)})
		select {
		case <-m.Matched():
			report(Event{Kind: Ready})
		case <-ctx.Done():
		}
	}}
}

// checkFunc checks once whether the service whose first process is pid is ready.
type checkFunc func(ctx context.Context, pid int) error

// newCheck returns the check for the readiness setting r, or nil if r is not polled.
func newCheck(r config.Ready, env Environment) (checkFunc, error) {
	switch {
	case r.TCP != "":
		return tcp(r.TCP)
	case r.HTTP != "":
		return http(r.HTTP)
	case r.File != "":
		return func(context.Context, int) error {
			_, err := os.Stat(r.File)
			return err
		}, nil
	case len(r.Exec) > 0:
		hangs := false // its process; each check would leave another one
		return func(ctx context.Context, _ int) error {
			if hangs {
				return errHangs
			}
			err := env.exec(ctx, r.Exec)
			hangs = errors.Is(err, process.ErrHangs)
			return err
		}, nil
	}
	return nil, nil
}

// exec runs a command in the root mount namespace. Its output is discarded: it runs repeatedly and
// would fill a log.
func (env Environment) exec(ctx context.Context, args []string) error {
	status, err := env.Reaper.Run(ctx, process.Program{
		Args: args, Env: env.Environ, Stdin: env.Null, Stdout: env.Null, Stderr: env.Null,
	})
	if err == nil && status != 0 {
		err = errors.New(args[0] + ": " + process.OutcomeOf(status).String())
	}
	return err
}

// maxText is the maximum length of an Event's Text, in bytes.
const maxText = 200

// printable returns text as one line of printable characters, at most maxText bytes long.
func printable(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), maxText)], "")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return ' '
		}
		return r
	}, text))
}

func quote(text string) string { return strconv.Quote(printable(text)) }
