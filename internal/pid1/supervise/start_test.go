package supervise

import (
	"context"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/container"
)

// exhaustedRuntime fails the first starts because the kernel has no process left, as during a fork
// bomb.
type exhaustedRuntime struct {
	processRuntime
	left atomic.Int32
}

func (b *exhaustedRuntime) Start(ctx context.Context, c container.Container) (*container.Process, error) {
	if b.left.Add(-1) >= 0 {
		return nil, &os.PathError{Op: "start", Path: "runc", Err: unix.EAGAIN}
	}
	return b.processRuntime.Start(ctx, c)
}

func TestStartLimitIgnoresExhaustedResources(t *testing.T) {
	t.Parallel()
	rt := &exhaustedRuntime{}
	rt.left.Store(20)
	s := quick("web")
	s.StartLimit = StartLimit{Burst: 3, Interval: time.Minute}
	r := newFixture(t, rt, map[string]string{"web": "sleep 1000"}, s)
	r.until("exited service=web error=start runc: resource temporarily unavailable")
	r.until("ready service=web")
}

// With a burst of 0 no start is recorded, and there is none to take back.
func TestExhaustedResourcesWithBurstZero(t *testing.T) {
	t.Parallel()
	rt := &exhaustedRuntime{}
	rt.left.Store(1)
	s := quick("web")
	s.StartLimit = StartLimit{Burst: 0, Interval: time.Minute}
	r := newFixture(t, rt, map[string]string{"web": "sleep 1000"}, s)
	r.until("failed service=web reason=error start runc: resource temporarily unavailable")
}
