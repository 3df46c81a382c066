package judge

import (
	"fmt"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// HandleLine handles a line of the console.
func (j *Judge) HandleLine(l console.Line) {
	if j.done {
		return
	}
	j.now = max(j.now, l.At)
	j.sawLine, j.lastLine = true, l.Text
	if l.HasKernel && j.out.inStage(stageFirmware) {
		j.out.beginStage(stageKernel, j.now)
	}
	if f, found := j.detector.Detect(l); found {
		j.handleFinding(f)
	}
	j.matchConsole(l)
	j.expectations.endLine(l)
	switch r, complete := record.Find([]byte(l.Text)); {
	case !j.config.Builtin:
		j.handleStockLine(l)
	case complete:
		j.handleRecord(r, l)
	case record.Damaged([]byte(l.Text)):
		j.damaged++
	}
	j.advance()
}

// WantsPartial reports whether a console expectation is open, which may match a partial
// line: a prompt has no line end.
func (j *Judge) WantsPartial() bool { return len(j.expectations.open) > 0 && !j.done }

// HandlePartial handles the partial line at the end of the console.
func (j *Judge) HandlePartial(l console.Line) {
	if j.done {
		return
	}
	j.now = max(j.now, l.At)
	j.matchConsole(l)
	j.advance()
}

func (j *Judge) handleFinding(f console.Finding) {
	verdict := Failed
	if f.Panic {
		verdict = Panicked
	}
	j.decide(verdict, failure{reason: f.Name + ": " + f.Culprit, culprit: f.Culprit, remedy: f.Remedy, line: f.Line.Text})
}

// HandleProbe handles the result of one attempt of a probe. The index is that of its
// expectation in the spec; a nil err means that the response was as expected.
func (j *Judge) HandleProbe(index int, at time.Duration, err error) {
	if j.done {
		return
	}
	j.now = max(j.now, at)
	for i := range j.out.Probes {
		u := &j.out.Probes[i]
		if u.index != index || u.State == StateOK {
			continue
		}
		if u.State == StateWaiting {
			u.FromMS = at.Milliseconds()
		}
		u.State = StateStarted
		if err != nil {
			u.Detail = err.Error()
			continue
		}
		u.State, u.Detail, u.ToMS = StateOK, "", at.Milliseconds()
	}
	j.advance()
}

// HandleEvent handles an event of QEMU.
func (j *Judge) HandleEvent(name, reason string, at time.Duration) {
	if j.done {
		return
	}
	j.now = max(j.now, at)
	switch name {
	case "SHUTDOWN":
		j.offReason = reason
	case "GUEST_PANICKED":
		j.decide(Panicked, failure{reason: "QEMU reports a panic of the guest", line: j.lastLine})
	}
}

// HandleExit handles the end of QEMU, after all lines and events. The status is one line
// that says how it ended.
func (j *Judge) HandleExit(status string, at time.Duration) {
	if j.done {
		return
	}
	j.now = max(j.now, at)
	switch {
	case j.decided:
	case j.phase == stopping:
		j.judgePowerOff(status)
	case j.phase == staying:
		j.decide(Exited, failure{reason: "the guest ended after it was ready: " + j.endReason(status), line: j.lastLine})
	default:
		reason := fmt.Sprintf("the guest ended before it was ready: %s; missing: %s", j.endReason(status), j.missingProof())
		j.decide(Exited, failure{reason: reason, line: j.lastLine})
	}
	j.finish()
}

// Reasons of QEMU for the end of a machine (qapi/run-state.json, ShutdownCause).
const (
	guestShutdown = "guest-shutdown"
	guestReset    = "guest-reset"
	guestPanic    = "guest-panic"
)

// endReason describes why the machine ended: QEMU's reason, or else its exit status.
func (j *Judge) endReason(status string) string {
	switch j.offReason {
	case guestShutdown:
		return "it powered off"
	case guestReset:
		return "it rebooted"
	case guestPanic:
		return "it panicked"
	case "":
		return status
	}
	return j.offReason
}
