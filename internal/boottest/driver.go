package boottest

import (
	"context"
	"fmt"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/boottest/judge"
	"github.com/org/linuxkit-action/internal/boottest/machine"
	"github.com/org/linuxkit-action/internal/boottest/probe"
	"github.com/org/linuxkit-action/internal/boottest/spec"
)

// driver passes the events of a machine to the judge, and performs the judge's actions.
type driver struct {
	machine   *machine.Machine
	stream    *stream
	judge     *judge.Judge
	lines     console.Splitter
	lastLines []string // of the console, at most maxLastLines
	probes    chan probeResult
}

// maxLastLines is the number of console lines in a report.
const maxLastLines = 20

// probeResult is the result of one attempt of a probe.
type probeResult struct {
	index int // of the expectation in the spec
	err   error
}

// run handles events until the judge is done.
func (d *driver) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the probes
	d.probes = make(chan probeResult)
	timer := time.NewTimer(0)
	defer timer.Stop()
	events := d.machine.Events()
	for !d.judge.Done() {
		if err := d.act(ctx); err != nil {
			return err
		}
		timer.Reset(d.judge.Deadline() - d.sincePowerOn(time.Now()))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case c := <-d.stream.chunks:
			d.handleChunk(c)
		case e, open := <-events:
			if !open {
				events = nil
				continue
			}
			d.judge.HandleEvent(e.Name, e.Reason, d.sincePowerOn(e.At))
		case r := <-d.probes:
			d.judge.HandleProbe(r.index, d.sincePowerOn(time.Now()), r.err)
		case <-timer.C:
			d.drainStream()
			d.judge.Tick(d.sincePowerOn(time.Now()))
		case <-d.machine.Done():
			d.handleExit(events)
		}
	}
	return nil
}

func (d *driver) sincePowerOn(t time.Time) time.Duration { return max(0, t.Sub(d.machine.PoweredOn)) }

func (d *driver) handleChunk(c chunk) {
	d.handleLines(d.lines.Append(c.bytes, d.sincePowerOn(c.at)))
	if !d.judge.WantsPartial() {
		return
	}
	if l, ok := d.lines.Partial(); ok {
		d.judge.HandlePartial(l)
	}
}

func (d *driver) handleLines(lines []console.Line) {
	for _, l := range lines {
		d.lastLines = append(d.lastLines[max(0, len(d.lastLines)-maxLastLines+1):], l.Text)
		d.judge.HandleLine(l)
	}
}

// drainStream handles the output that has arrived: it is older than the time that the
// judge is about to get.
func (d *driver) drainStream() {
	for {
		select {
		case c := <-d.stream.chunks:
			d.handleChunk(c)
		default:
			return
		}
	}
}

// handleExit handles the rest of the console and of the events, then the end of QEMU.
func (d *driver) handleExit(events <-chan machine.Event) {
	d.drainStream()
	d.handleLines(d.lines.Flush())
	if events != nil {
		for e := range events { // closed, because QEMU has ended
			d.judge.HandleEvent(e.Name, e.Reason, d.sincePowerOn(e.At))
		}
	}
	d.judge.HandleExit(d.machine.Exit(), d.sincePowerOn(time.Now()))
}

// act performs the judge's actions. It ignores errors of the machine: they mean that it
// ends, which is an event of its own.
func (d *driver) act(ctx context.Context) error {
	for _, a := range d.judge.Actions() {
		switch a.Kind {
		case judge.TypeText:
			_ = d.machine.Send(a.Text)
		case judge.PressPowerButton:
			_ = d.machine.PowerButton(ctx)
		case judge.StartProbes:
			d.startProbes(ctx)
		default:
			return fmt.Errorf("unknown action %q", a.Kind)
		}
	}
	return nil
}

func (d *driver) startProbes(ctx context.Context) {
	for index, e := range d.judge.Probes() {
		go probe.Poll(ctx, d.check(e), func(err error) {
			select {
			case d.probes <- probeResult{index: index, err: err}:
			case <-ctx.Done():
			}
		})
	}
}

// check returns a function that tries the probe of an expectation once.
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
