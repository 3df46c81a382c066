package boottest

import (
	"context"
	"fmt"

	"github.com/org/linuxkit-action/internal/boottest/judge"
	"github.com/org/linuxkit-action/internal/boottest/probe"
	"github.com/org/linuxkit-action/internal/boottest/spec"
)

// answer is the result of one attempt of a probe.
type answer struct {
	index int // in the spec's expectations
	err   error
}

// obey carries the judge's orders out. A machine that can no longer be spoken to is
// about to end, which the judge is told on its own.
func (d *driver) obey(ctx context.Context) error {
	for _, o := range d.judge.Actions() {
		switch o.Kind {
		case judge.TypeText:
			_ = d.machine.Send(o.Text)
		case judge.PressPowerButton:
			_ = d.machine.PowerButton(ctx)
		case judge.StartProbes:
			d.startProbes(ctx)
		default:
			return fmt.Errorf("unknown order %q", o.Kind)
		}
	}
	return nil
}

func (d *driver) startProbes(ctx context.Context) {
	for index, e := range d.judge.Probes() {
		go probe.Poll(ctx, d.check(e), func(err error) {
			select {
			case d.probes <- answer{index, err}:
			case <-ctx.Done():
			}
		})
	}
}

// check returns one attempt of the probe that an expectation asks for.
func (d *driver) check(e spec.Expectation) func(context.Context) error {
	if e.HTTP != nil {
		return func(ctx context.Context) error { return probe.HTTP(ctx, d.machine.Addr(e.HTTP.Port), *e.HTTP) }
	}
	return func(ctx context.Context) error {
		return probe.TCP(ctx, d.machine.Addr(e.TCP.Port), func(ctx context.Context) (bool, error) {
			return d.machine.Established(ctx, e.TCP.Port)
		})
	}
}
