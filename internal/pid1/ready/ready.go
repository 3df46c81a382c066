// Package ready is how a service proves that it is ready, and that it still is.
//
// By itself a service has proven enough when its process has lived for a moment: a
// command that fails at once is not ready for an instant. PID 1 asks for other proofs, again and again: does a port take connections, does a
// page answer, is a file there, does a command end well. The rest it is told: by a
// line that the service prints, over a socket (sd_notify(3)), or by a newline on a
// descriptor (s6's notification-fd). For those the service is handed something when
// it starts, so a Proof is made before each run and ends with it.
//
// A service is foreign: it may answer slowly, without end or not at all, and tell
// more than anyone wants to know. Every question has a deadline, every answer a
// bound, and what changes too often is told only so often.
package ready

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/logs"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// Kind is what News are about.
type Kind int

// Kinds of news.
const (
	Proven Kind = iota // it is ready
	Missed             // it is not, or not any more; Text says why
	Status             // it says in words how it is (STATUS= of sd_notify)
)

// News is what becomes known of a service. Text is one line of printable characters
// that a record has room for.
type News struct {
	Kind Kind
	Text string
}

// Means are what a proof is made with.
type Means struct {
	Reaper  *process.Reaper // runs commands
	Null    *os.File        // their input and output
	Environ []string
	Settle  time.Duration // how long a process lives that has nothing else to prove
	Steady  time.Duration // between two questions to a service that is ready
	Socket  string        // path for the socket of one that notifies
}

// Proof is how one run of a service proves that it is ready. Follow must be called
// where the run has begun, and Close where it has not.
type Proof struct {
	Mark   *logs.Mark // to look for in what it prints, or nil
	Socket string     // path of the socket that its NOTIFY_SOCKET has to lead to, or ""

	follow func(ctx context.Context, pid int, tell func(News))
	file   *os.File  // the service's end of the pipe, or nil
	own    io.Closer // PID 1's end of the socket or pipe, or nil
}

// Prepare makes what the next run needs in order to prove itself as r says.
func Prepare(r config.Ready, m Means) (*Proof, error) {
	switch {
	case r.Log != "":
		return mark(r.Log), nil
	case r.Notify == "sd":
		return listen(m.Socket)
	case r.Notify == "fd":
		return pipe()
	case r.Notify != "":
		return nil, errors.New("ready: notify: " + quote(r.Notify) + " is neither sd nor fd")
	}
	ask, err := question(r, m)
	if err != nil {
		return nil, err
	}
	if ask == nil {
		return settle(m.Settle), nil
	}
	return &Proof{follow: func(ctx context.Context, pid int, tell func(News)) {
		poll(ctx, m.Steady, func(ctx context.Context) error { return ask(ctx, pid) }, tell)
	}}, nil
}

// Files returns the descriptors of the service, from 3 on.
func (p *Proof) Files() []*os.File {
	if p.file == nil {
		return nil
	}
	return []*os.File{p.file}
}

// Started closes PID 1's copy of what the service got, once it has it.
func (p *Proof) Started() {
	if p.file != nil {
		_ = p.file.Close() // nothing was written to it
	}
}

// Follow tells of every change of a service's readiness, until ctx ends. The
// service's first process is pid.
func (p *Proof) Follow(ctx context.Context, pid int, tell func(News)) {
	defer p.Close()
	defer context.AfterFunc(ctx, p.Close)()
	p.follow(ctx, pid, tell)
}

// Close ends a proof. A second call does nothing.
func (p *Proof) Close() {
	if p.own != nil {
		_ = p.own.Close() // nothing was written to it
	}
}

// settle is the proof by living that long.
func settle(d time.Duration) *Proof {
	return &Proof{follow: func(ctx context.Context, _ int, tell func(News)) {
		select {
		case <-time.After(d):
			tell(News{Kind: Proven})
		case <-ctx.Done():
		}
	}}
}

// mark is the proof by a line.
func mark(text string) *Proof {
	m := logs.NewMark(text)
	return &Proof{Mark: m, follow: func(ctx context.Context, _ int, tell func(News)) {
		tell(News{Missed, "it has not printed " + quote(text)})
		select {
		case <-m.Found():
			tell(News{Kind: Proven})
		case <-ctx.Done():
		}
	}}
}
