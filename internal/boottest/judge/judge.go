// Package judge decides whether a boot went well.
//
// A Judge is told what happens (a line on the console, the answer of a probe, the
// end of QEMU, the time) and says what to do next and, as soon as it is certain, the
// verdict. It does nothing itself and has no clock, so a test of it is a list of
// events.
//
// Absence of proof is failure: each onboot and each service of the image must have
// shown, by a record of PID 1 whose checksum is right, that it did its work.
package judge

import (
	"time"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/boottest/spec"
)

// Verdict is how a boot went.
type Verdict string

// Verdicts.
const (
	Ready    Verdict = "ready"    // all that was expected happened
	Failed   Verdict = "failed"   // something did what it must not
	Panicked Verdict = "panicked" // the kernel broke
	Hung     Verdict = "hung"     // the time was over and proof missing
	Exited   Verdict = "exited"   // the guest went away by itself
	Garbled  Verdict = "garbled"  // the time was over and proof missing, but records were lost
)

const (
	// defaultStays is how long everything must stay up where the spec does not say.
	defaultStays = 2 * time.Second
	// linger is how long the console is still read after the verdict: for the trace
	// behind a panic, and the record with the last words of what failed.
	linger = 500 * time.Millisecond
	// restartGrace is how long a service that ended with 0 may be away.
	restartGrace = 5 * time.Second
	// buttonTime is how long the guest may take to notice the power button.
	buttonTime = 10 * time.Second
	// foreignOffTime is how long an init that is not ours may take to power off.
	// LinuxKit's sleeps 5 s on the way.
	foreignOffTime = 60 * time.Second
)

// Task is what must be proved. Deadlines are real time: already scaled.
type Task struct {
	Builtin  bool     // PID 1 is ours, and writes records
	Onboot   []string // in order
	Services []string
	Spec     spec.Spec
	Graceful bool // end by the power button
	Slowness int  // how many times slower than KVM the machine is, 1 or more
}

// Order is something the judge wants done.
type Order struct {
	Do   Action
	Text string // to type, for Type
}

// Action is what an Order asks for.
type Action string

// Actions.
const (
	Type        Action = "type"         // Text, on the console
	StartProbes Action = "start probes" // all of them, until each has succeeded
	PowerButton Action = "power button"
)

// phase is how far the boot is.
type phase int

const (
	booting  phase = iota
	staying        // all is ready, and must stay so
	stopping       // the power button is pressed
)

// Judge follows one boot.
type Judge struct {
	task    Task
	scan    *console.Detector
	orders  []Order
	out     Outcome
	phase   phase
	now     time.Duration
	done    bool
	decided bool          // out has the verdict; done follows at closeAt
	closeAt time.Duration // set with decided

	dialogue dialogue
	probing  bool
	allReady bool // PID 1 has said that everything is
	lastSeq  uint64
	lost     int // records that never came
	damaged  int // records that came damaged
	stock    stock
	sawLine  bool
	lastLine string

	stayUntil time.Duration
	pressed   time.Duration
	stopBegan bool // the guest said that it shuts down
	bye       bool
	byeKilled string
	killed    []string
	offReason string // QEMU's reason for the end of the machine
}

// New returns a judge of one boot, at power-on.
func New(t Task) *Judge {
	j := &Judge{task: t, scan: console.NewDetector(t.Spec.Forbidden())}
	j.out = newOutcome(t)
	j.dialogue = newDialogue(t.Spec.Expect)
	if !t.Builtin {
		j.startProbes()
	}
	return j
}

// Orders returns what the judge wants done, each order once.
func (j *Judge) Orders() []Order {
	o := j.orders
	j.orders = nil
	return o
}

func (j *Judge) order(o Order) { j.orders = append(j.orders, o) }

// Done reports whether the judge needs to hear no more.
func (j *Judge) Done() bool { return j.done }

// Outcome returns the verdict and what was seen. It is complete once Done.
func (j *Judge) Outcome() Outcome { return j.out }

// decide fixes the verdict. The first one stands, but that a kernel panic, which
// explains whatever failed just before it, takes its place.
func (j *Judge) decide(v Verdict, f fault) {
	if j.done || j.decided && (v != Panicked || j.out.Verdict == Panicked) {
		return
	}
	j.decided, j.closeAt = true, j.now+linger
	j.out.Verdict = v
	j.out.Reason, j.out.Culprit, j.out.Remedy, j.out.Line, j.out.Tail = f.reason, f.culprit, f.remedy, f.line, f.tail
}

// fault is why a verdict is not ready.
type fault struct{ reason, culprit, remedy, line, tail string }

// conclude fixes the verdict where nothing more can be learnt by listening on.
func (j *Judge) conclude(v Verdict, f fault) {
	j.decide(v, f)
	j.finish()
}

func (j *Judge) finish() {
	if !j.done {
		j.done = true
		j.out.close(j.now)
	}
}
