package ready

import (
	"context"
	"time"
)

const (
	// askTimeout is how long one question may take.
	askTimeout = 5 * time.Second
	// firstPause is the time between the first question and the second. It doubles up
	// to maxPause for as long as the service is not ready.
	firstPause = 100 * time.Millisecond
	maxPause   = time.Second
	// maxMisses is how many bad answers in a row cost a service its readiness: a server
	// that is busy for a moment keeps it.
	maxMisses = 3
)

// poller is what is known of a service that is asked.
type poller struct {
	steady time.Duration
	tell   func(News)
	ready  bool
	misses int // in a row
	pause  time.Duration
	why    string // as last told
}

// poll asks until ctx ends, and tells what changes.
func poll(ctx context.Context, steady time.Duration, ask func(context.Context) error, tell func(News)) {
	p := poller{steady: steady, tell: tell, pause: firstPause}
	for {
		err := askOnce(ctx, ask)
		if ctx.Err() != nil {
			return
		}
		p.answered(err)
		select {
		case <-time.After(p.next()):
		case <-ctx.Done():
			return
		}
	}
}

func askOnce(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return ask(ctx)
}

func (p *poller) answered(err error) {
	if err == nil {
		p.misses = 0
		if !p.ready {
			p.ready, p.why, p.pause = true, "", firstPause
			p.tell(News{Kind: Proven})
		}
		return
	}
	if p.misses++; p.ready && p.misses < maxMisses {
		return
	}
	p.ready = false
	if why := clean(err.Error()); why != p.why {
		p.why = why
		p.tell(News{Missed, why})
	}
}

// next returns how long to wait before the next question.
func (p *poller) next() time.Duration {
	if p.ready {
		return p.steady
	}
	pause := p.pause
	p.pause = min(2*pause, maxPause)
	return pause
}
