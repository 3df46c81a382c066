// Package supervise keeps services running, in order, and stops them.
//
// It is a state machine that lives on the event loop: nothing in it blocks or
// locks. What takes time (mounting a bundle, calling runc, waiting for a
// process) is done by goroutines that post what came of it.
//
//	waiting ─► starting ◄► ready ─► exited ─► waiting …
//	                                  ├─► done      it ended well
//	                                  └─► failed    it ended badly too often
//	any ─► stopping ─► stopped
//
// A service is ready when it has proven it (package ready), and may lose that and
// win it back. One that takes too long to prove it is stopped, and has failed.
package supervise

import (
	"syscall"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// State is where a service is.
type State string

// States, by the names that records carry.
const (
	Waiting  State = record.StateWaiting  // for what it comes after, or for its turn
	Starting State = record.StateStarting // being started, or not proven to be ready, not yet or not any more
	Ready    State = record.StateReady
	Exited   State = record.StateExited // ended, will be started again
	Failed   State = record.StateFailed // given up
	Done     State = record.StateDone   // ended well, and that was all
	Stopping State = record.StateStopping
	Stopped  State = record.StateStopped
)

// over reports whether nothing will happen to the service by itself any more.
func (s State) over() bool { return s == Failed || s == Done || s == Stopped }

// Restart says when a service that has ended is started again.
type Restart string

// Restart policies.
const (
	Never     Restart = "never"
	OnFailure Restart = "on-failure"
	Always    Restart = "always"
)

// Service is what is to be kept running, and how.
type Service struct {
	Name     string
	Dir      string   // the bundle
	After    []string // services or milestones that must be through first
	Requires []string // as After, and a service must be ready

	Restart      Restart
	Backoff      Backoff
	StartLimit   StartLimit
	Ready        config.Ready
	ReadyTimeout time.Duration
	Settle       time.Duration // how long its process must run to count as ready, where Ready is empty
	Stop         Stop
	Env          []string // NAME=VALUE, over the environment of its container
}

// Backoff is the pause before a restart: Initial, doubled each time up to Max.
type Backoff struct{ Initial, Max time.Duration }

// StartLimit gives a service up that was started Burst times within Interval and fails again.
type StartLimit struct {
	Burst    int
	Interval time.Duration
}

// Stop is how a service is asked to end, and how long it may take.
type Stop struct {
	Signal  syscall.Signal
	Timeout time.Duration
}

// steady is how long a service must have been ready for its earlier failures
// to be forgotten by the back-off.
const steady = 10 * time.Second

// next returns the pause after one of d, which is 0 for the first.
func (b Backoff) next(d time.Duration) time.Duration {
	if d == 0 {
		return b.Initial
	}
	return min(2*d, b.Max)
}

// reached reports whether one more failure is too many, after starts at these times.
func (l StartLimit) reached(starts []time.Time, now time.Time) bool {
	recent := 0
	for _, t := range starts {
		if now.Sub(t) < l.Interval {
			recent++
		}
	}
	return recent >= l.Burst
}
