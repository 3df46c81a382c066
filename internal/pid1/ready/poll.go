package ready

import (
	"context"
	"errors"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/guard"
)

const (
	// checkTimeout limits one check.
	checkTimeout = 5 * time.Second
	// hangTimeout is how long a check may take to return, its process to be killed included.
	hangTimeout = 12 * time.Second
	// firstPause is the time between the first check and the second. It doubles up to maxPause
	// while the service is not ready.
	firstPause = 100 * time.Millisecond
	maxPause   = time.Second
	// maxFailures is how many checks must fail in a row before a ready service counts as not ready:
	// a server that is busy for a moment stays ready.
	maxFailures = 3
)

// poller is the state of a service that is polled.
type poller struct {
	interval time.Duration
	report   func(Event)
	ready    bool
	failures int // in a row
	pause    time.Duration
	why      string // the reason reported last
}

// poll runs check until ctx ends, and reports changes.
func poll(ctx context.Context, interval time.Duration, check func(context.Context) error, report func(Event)) {
	p := poller{interval: interval, report: report, pause: firstPause}
	c := checker{check: check}
	for {
		err := c.once(ctx)
		if ctx.Err() != nil {
			return
		}
		p.update(err)
		select {
		case <-time.After(p.next()):
		case <-ctx.Done():
			return
		}
	}
}

// errHangs is the reason while a check does not return: a program or file on a file system that does
// not answer.
var errHangs = errors.New("the check hangs in the kernel")

// checker runs checks, one at a time.
type checker struct {
	check  func(context.Context) error
	result chan error // of the check that is running, or nil
}

// once runs a check, or waits for the last one if that has not returned.
func (c *checker) once(ctx context.Context) error {
	if c.result == nil {
		result := make(chan error, 1)
		c.result = result
		guard.Go("readiness check", func() {
			err := errHangs // after a panic
			defer func() { result <- err }()
			ctx, cancel := context.WithTimeout(ctx, checkTimeout)
			defer cancel()
			err = c.check(ctx)
		})
	}
	select {
	case err := <-c.result:
		c.result = nil
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(hangTimeout):
		return errHangs
	}
}

func (p *poller) update(err error) {
	if err == nil {
		p.failures = 0
		if !p.ready {
			p.ready, p.why, p.pause = true, "", firstPause
			p.report(Event{Kind: Ready})
		}
		return
	}
	if p.failures++; p.ready && p.failures < maxFailures {
		return
	}
	p.ready = false
	if why := printable(err.Error()); why != p.why {
		p.why = why
		p.report(Event{Kind: NotReady, Text: why})
	}
}

// next returns the pause before the next check.
func (p *poller) next() time.Duration {
	if p.ready {
		return p.interval
	}
	pause := p.pause
	p.pause = min(2*pause, maxPause)
	return pause
}
