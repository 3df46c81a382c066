package supervise

import (
	"context"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// unit is a service with its state. The loop owns it, except the job, which the
// goroutine of a start uses.
type unit struct {
	Service
	job       *container.Job
	state     State
	attempt   *attempt       // the start in progress, or nil
	attempts  int            // number of starts; a timer belongs to one of them
	run       *container.Run // the running process, or nil
	begun     time.Time      // start of the current run, or when it lost its readiness
	readyAt   time.Time
	startTime time.Duration // of the first start that became ready, or 0
	restarts  int
	starts    []time.Time // of the last StartLimit.Burst starts
	pause     time.Duration
	failure   string          // why it has failed
	blockedBy string          // the service for whose sake it has failed or was stopped, until that is up
	killed    bool            // killed by a stop
	again     bool            // start it when it has stopped
	deleting  bool            // the runtime still has a container with its name
	last      process.Outcome // of the previous run
	lastNote  string          // on the previous run, or ""
	oomKills  int             // of all runs
	runKills  int             // of the current run
	times     timestamps
	readiness
}

// readiness is the readiness of the current run.
type readiness struct {
	stopProbe context.CancelFunc
	wasReady  bool
	reason    string    // why it is not ready
	timeout   string    // it was not ready in time, and why: it is stopped, and has failed
	deadline  time.Time // by which it must be ready, or zero
	aliveAt   time.Time // when it last fed its watchdog
}

// trimStarts drops the starts that the start limit no longer needs.
func (u *unit) trimStarts() {
	if n := len(u.starts) - u.StartLimit.Burst; n > 0 {
		u.starts = u.starts[n:]
	}
}

// timestamps are the times of a unit's state changes, on the clock of console.Uptime
// and in whole milliseconds, so that the parts of a boot add up.
type timestamps struct {
	state State
	since time.Duration // of the current state
	begun time.Duration // of the first start, or 0
	ready time.Duration // of the first time ready or done, or 0
}

// update records a change of state. It is called after every event.
func (t *timestamps) update(state State) {
	if t.state == state {
		return
	}
	t.state, t.since = state, console.Uptime().Truncate(time.Millisecond)
	if t.begun == 0 && state == Starting {
		t.begun = t.since
	}
	if t.ready == 0 && (state == Ready || state == Done) {
		t.ready = t.since
	}
}
