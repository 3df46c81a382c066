package judge

import (
	"fmt"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// Reasons QEMU gives for the end of a machine (qapi/run-state.json, ShutdownCause).
const (
	guestShutdown = "guest-shutdown"
	guestReset    = "guest-reset"
	guestPanic    = "guest-panic"
)

// stop ends a boot that went well so far.
func (j *Judge) stop() {
	if !j.task.Graceful {
		j.conclude(Ready, fault{reason: j.summary()})
		return
	}
	j.phase, j.pressed = stopping, j.now
	j.out.stage(stageShutdown, j.now)
	j.order(Order{Do: PowerButton})
}

func (j *Judge) summary() string {
	ready := time.Duration(j.out.ReadyMS) * time.Millisecond
	if j.task.Builtin {
		return fmt.Sprintf("%s and %s ready after %v", count(j.out.Onboot, "onboot"), count(j.out.Services, "service"), ready)
	}
	return fmt.Sprintf("what was expected was there after %v; this init does not tell whether services run", ready)
}

func count(list []Unit, what string) string {
	if len(list) == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", len(list), what)
}

// shutdown takes in that the guest begins to shut down.
func (j *Judge) shutdown(r record.Record, l console.Line) {
	j.stopBegan = true
	if j.phase != stopping {
		j.decide(Exited, fault{reason: fmt.Sprintf("the guest shuts down by itself (%s, cause: %s)", r.Get(record.KeyHow), r.Get(record.KeyCause)), line: l.Text})
	}
}

// stillOn gives the verdict on a guest that does not obey the power button.
func (j *Judge) stillOn() {
	f := fault{reason: "the guest did not notice the power button", culprit: "shutdown", line: j.lastLine}
	if j.task.Builtin {
		f.remedy = "does the kernel have the ACPI button (CONFIG_ACPI_BUTTON), or its module in the image? For arm64, is qemu-efi-aarch64 installed here?"
	} else {
		f.remedy = "add linuxkit/acpid to the services, or say shutdown: kill in the spec"
	}
	j.conclude(Failed, f)
}

// Event tells the judge what QEMU reports.
func (j *Judge) Event(name, reason string, at time.Duration) {
	if j.done {
		return
	}
	j.now = max(j.now, at)
	switch name {
	case "SHUTDOWN":
		j.offReason = reason
	case "GUEST_PANICKED":
		j.decide(Panicked, fault{reason: "QEMU reports a panic of the guest", line: j.lastLine})
	}
}

// Exit tells the judge that QEMU is gone; how says it in words. All lines and events
// must have been told before.
func (j *Judge) Exit(how string, at time.Duration) {
	if j.done {
		return
	}
	j.now = max(j.now, at)
	switch {
	case j.decided:
	case j.phase == stopping:
		j.off(how)
	default:
		reason := fmt.Sprintf("the guest went away before it was proved ready: %s; missing: %s", j.why(how), j.missing())
		if j.phase == staying {
			reason = "the guest went away after it was ready: " + j.why(how)
		}
		j.decide(Exited, fault{reason: reason, line: j.lastLine})
	}
	j.finish()
}

// why puts QEMU's reason into words.
func (j *Judge) why(how string) string {
	switch j.offReason {
	case guestShutdown:
		return "it powered off"
	case guestReset:
		return "it rebooted"
	case guestPanic:
		return "it panicked"
	case "":
		return how
	}
	return j.offReason
}

// off gives the verdict on a guest that is gone after the power button was pressed.
func (j *Judge) off(how string) {
	f := fault{culprit: "shutdown", line: j.lastLine}
	switch {
	case len(j.killed) > 0:
		f.culprit = strings.Join(j.killed, ", ")
		f.reason = "killed at shutdown, because it did not stop in time: " + f.culprit
		f.remedy = "make it end on its stop signal, or raise stop: {timeout: …}"
	case j.byeKilled != "" && j.byeKilled != "0":
		f.reason = fmt.Sprintf("%s services did not stop in time and were killed at shutdown", j.byeKilled)
	case j.offReason != guestShutdown:
		f.reason = "the guest did not power off: " + j.why(how)
	case j.task.Builtin && !j.bye:
		f.reason = "the guest powered off without the last record of PID 1: not every service is proved stopped"
	default:
		j.decide(Ready, fault{reason: j.summary()})
		return
	}
	verdict := Failed
	if !j.bye && j.task.Builtin && j.lost+j.damaged > 0 && f.culprit == "shutdown" {
		verdict = Garbled
	}
	j.decide(verdict, f)
}
