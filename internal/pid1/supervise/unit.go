package supervise

import (
	"context"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/container"
)

// unit is a service with all that is known of it. The loop owns it, but for
// the job, which is lent to the goroutine that starts it.
type unit struct {
	Service
	job      *container.Job
	state    State
	run      *container.Run // the process there is, or nil
	begun    time.Time      // when the present start began
	readyAt  time.Time
	took     time.Duration // how long the first start took, 0 before it is ready
	restarts int
	starts   []time.Time
	pause    time.Duration      // the last one before a restart
	killed   bool               // it had to be killed when it was stopped
	again    bool               // it is to be started when it has stopped
	known    bool               // the runtime still has a container by its name
	last     outcome            // of the run before this one
	unfollow context.CancelFunc // ends what asks and hears whether the run is ready
	times    times
	readiness
}

// forget drops starts that no longer count, so that the list stays as long as the limit.
func (u *unit) forget() {
	if n := len(u.starts) - u.StartLimit.Burst; n > 0 {
		u.starts = u.starts[n:]
	}
}
