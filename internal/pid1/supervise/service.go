// Package supervise starts services in order, restarts them by their policies, and stops them.
//
// It is a state machine on the event loop: no method blocks or locks. Slow work (mounting a bundle,
// calling the runtime, waiting for a process) runs in goroutines that post their results.
//
//	waiting ─► starting ◄► ready ─► exited ─► waiting …
//	                                  ├─► done      exited with code 0
//	                                  └─► failed    exited with an error too often
//	any ─► stopping ─► stopped
//
// A service is ready when its readiness probe (package ready) reports it, and may lose and regain
// its readiness. A service that is not ready in time is stopped and has failed.
package supervise

import (
	"time"

	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// State is the state of a service.
type State string

// States; their values are those of records.
const (
	Waiting  State = record.StateWaiting  // for a service or milestone, or for a free start slot
	Starting State = record.StateStarting // being started, or not ready: not yet or no longer
	Ready    State = record.StateReady
	Exited   State = record.StateExited // has ended, will be restarted
	Failed   State = record.StateFailed // has ended, will not be restarted
	Done     State = record.StateDone   // has ended with code 0, and its restart policy asks for no more
	Stopping State = record.StateStopping
	Stopped  State = record.StateStopped
)

// over reports whether the state is final: it changes only by Start or Restart.
func (s State) over() bool { return s == Failed || s == Done || s == Stopped }

// up reports whether services that require this one may start.
func (s State) up() bool { return s == Ready || s == Done }

// Restart is the policy for a service that has ended.
type Restart string

// Restart policies.
const (
	Never     Restart = "never"
	OnFailure Restart = "on-failure"
	Always    Restart = "always"
)

// Service is the configuration of a service.
type Service struct {
	Name     string
	Dir      string   // of the bundle
	After    []string // services and milestones that must be ready, done, failed or reached before the start
	Requires []string // like After, but failed services do not satisfy it
	StopWith []string // services whose end stops this one, until they are ready again

	Restart        Restart
	Backoff        Backoff
	StartLimit     StartLimit
	Ready          config.Ready
	ReadyTimeout   time.Duration
	RestartUnready bool          // restart it if it is ReadyTimeout long not ready any more
	Watchdog       time.Duration // within which it must send WATCHDOG=1 (sd_notify(3)), or 0
	MinUptime      time.Duration // how long the process must run to be ready, if Ready is empty
	Stop           container.Stop
	Common         []string // NAME=VALUE, overrides the environment in config.json
	EnvFile        string   // path of a file of NAME=VALUE lines, overrides Common
	Env            []string // NAME=VALUE, overrides the environment in config.json
}

// Backoff is the pause before a restart: Initial, doubled with each restart up to Max.
type Backoff struct{ Initial, Max time.Duration }

// StartLimit makes a service fail for good: if it ends with an error after Burst starts within
// Interval, unless Off is set.
type StartLimit struct {
	Burst    int
	Interval time.Duration
	Off      bool
}

// backoffReset is how long a service must have been ready to reset its backoff.
const backoffReset = 10 * time.Second

// next returns the pause after a pause of d; d is 0 for the first.
func (b Backoff) next(d time.Duration) time.Duration {
	if d == 0 {
		return b.Initial
	}
	return min(2*d, b.Max)
}

// reached reports whether there are Burst starts or more within Interval before now.
func (l StartLimit) reached(starts []time.Time, now time.Time) bool {
	if l.Off {
		return false
	}
	recent := 0
	for _, t := range starts {
		if now.Sub(t) < l.Interval {
			recent++
		}
	}
	return recent >= l.Burst
}
