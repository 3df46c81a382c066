// Package judge decides whether a boot is good.
//
// A Judge is a state machine. Its Handle methods take the events of a boot: a line of the
// console, the result of a probe, an event of QEMU, the time. Actions returns what the
// caller must do next; Outcome has the verdict once Done. A Judge performs no I/O and has
// no clock, so a test of it is a list of events.
//
// Missing proof is failure: every onboot container and every service of the image must
// have shown, by a record of PID 1 with a valid checksum, that it ended or became ready as
// expected.
package judge

import (
	"time"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/boottest/spec"
)

// Verdict is the result of a boot.
type Verdict string

// Verdicts.
const (
	Ready    Verdict = "ready"    // every expectation was met
	Failed   Verdict = "failed"   // an expectation was not met
	Panicked Verdict = "panicked" // the kernel failed
	Hung     Verdict = "hung"     // the time limit was reached, and proof is missing
	Exited   Verdict = "exited"   // the guest ended without a request
	Garbled  Verdict = "garbled"  // as Hung, but records were lost, which may have been the proof
)

const (
	// defaultStays is how long everything must stay up if the spec does not set it.
	defaultStays = 2 * time.Second
	// drainTime is how long the console is read after the verdict: for the trace behind a
	// panic, and the record with the last output of the culprit.
	drainTime = 500 * time.Millisecond
	// restartGrace is how long a service that ended with code 0 may be down.
	restartGrace = 5 * time.Second
	// buttonTimeout is the time for the built-in PID 1 to react to the power button.
	buttonTimeout = 10 * time.Second
	// stockPowerOffTimeout is the time for any other init to power off. LinuxKit's sleeps
	// for 5 s on the way.
	stockPowerOffTimeout = 60 * time.Second
)

// Config describes what a boot must prove. Deadlines are real time, already scaled.
type Config struct {
	Builtin  bool     // the built-in PID 1 runs, which writes records
	Onboot   []string // names, in order
	Services []string
	Spec     spec.Spec
	Graceful bool // end the test by the power button
	Slowness int  // factor by which the machine is slower than under KVM, at least 1
}

// Action is what the caller must do.
type Action struct {
	Kind ActionKind
	Text string // of TypeText
}

// ActionKind is the kind of an Action.
type ActionKind string

// Kinds of actions.
const (
	TypeText         ActionKind = "type text"    // type Text on the console
	StartProbes      ActionKind = "start probes" // poll every probe until it succeeds
	PressPowerButton ActionKind = "press power button"
)

// phase is the progress of the test.
type phase int

const (
	booting  phase = iota // proof is missing
	staying               // everything is ready and must stay up
	stopping              // the power button is pressed
)

// Judge follows one boot.
type Judge struct {
	config   Config
	detector *console.Detector
	actions  []Action
	out      Outcome
	phase    phase
	now      time.Duration // since power-on
	done     bool
	decided  bool          // out has the verdict; done follows at doneAt
	doneAt   time.Duration // set with decided

	expectations consoleExpectations
	probing      bool   // StartProbes was returned
	allReady     bool   // PID 1 has reported that everything is ready
	lastSeq      uint64 // of the records
	lost         int    // records that did not arrive
	damaged      int    // records that arrived damaged
	stock        stockState
	sawLine      bool
	lastLine     string

	stayUntil   time.Duration
	pressedAt   time.Duration // the power button
	shutdown    bool          // PID 1 has reported that it shuts down
	bye         bool          // the last record of PID 1 has arrived
	killedCount string        // the number of killed services in that record
	killed      []string      // names of services that PID 1 has killed
	offReason   string        // QEMU's reason for the end of the machine
}

// New returns a judge of one boot, at power-on.
func New(c Config) *Judge {
	j := &Judge{config: c, detector: console.NewDetector(c.Spec.Forbidden())}
	j.out = newOutcome(c)
	j.expectations = newConsoleExpectations(c.Spec.Expect)
	if !c.Builtin {
		j.startProbes()
	}
	return j
}

// Actions returns the actions since the last call.
func (j *Judge) Actions() []Action {
	actions := j.actions
	j.actions = nil
	return actions
}

func (j *Judge) act(a Action) { j.actions = append(j.actions, a) }

// Done reports whether the judge needs no further events.
func (j *Judge) Done() bool { return j.done }

// Outcome returns the verdict and the observations. It is complete once Done.
func (j *Judge) Outcome() Outcome { return j.out }

// failure is the reason for a verdict other than ready. Its fields are those of Outcome.
type failure struct{ reason, culprit, remedy, line, tail string }

// decide sets the verdict. The first verdict stays, except that a kernel panic, which
// explains the failure before it, replaces it.
func (j *Judge) decide(v Verdict, f failure) {
	if j.done || j.decided && (v != Panicked || j.out.Verdict == Panicked) {
		return
	}
	j.decided, j.doneAt = true, j.now+drainTime
	j.out.Verdict = v
	j.out.Reason, j.out.Culprit, j.out.Remedy, j.out.Line, j.out.Tail = f.reason, f.culprit, f.remedy, f.line, f.tail
}

// conclude sets the verdict and ends the test at once.
func (j *Judge) conclude(v Verdict, f failure) {
	j.decide(v, f)
	j.finish()
}

func (j *Judge) finish() {
	if !j.done {
		j.done = true
		j.out.endStage(j.now)
	}
}
