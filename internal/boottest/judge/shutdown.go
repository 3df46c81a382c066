package judge

import (
	"fmt"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// endTest ends a boot that has stayed up: by the power button, or at once.
func (j *Judge) endTest() {
	if !j.config.Graceful {
		j.conclude(Ready, failure{reason: j.summary()})
		return
	}
	j.phase, j.pressedAt = stopping, j.now
	j.out.beginStage(stageShutdown, j.now)
	j.act(Action{Kind: PressPowerButton})
}

// summary is the reason of the verdict ready.
func (j *Judge) summary() string {
	ready := time.Duration(j.out.ReadyMS) * time.Millisecond
	if j.config.Builtin {
		return fmt.Sprintf("%s and %s ready after %v", count(j.out.Onboot, "onboot"), count(j.out.Services, "service"), ready)
	}
	return fmt.Sprintf("every expectation was met after %v; this init does not report the state of services", ready)
}

func count(list []Unit, noun string) string {
	if len(list) == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", len(list), noun)
}

// handleShutdown handles the record that a shutdown begins.
func (j *Judge) handleShutdown(r record.Record, l console.Line) {
	j.shutdown = true
	if j.phase != stopping {
		reason := fmt.Sprintf("unexpected shutdown (%s, cause: %s)", r.Get(record.KeyHow), r.Get(record.KeyCause))
		j.decide(Exited, failure{reason: reason, line: l.Text})
	}
}

// failPowerButton decides the verdict on a guest that is still on after the power button.
func (j *Judge) failPowerButton() {
	f := failure{reason: "the guest did not react to the power button", culprit: "shutdown", line: j.lastLine}
	if j.config.Builtin {
		f.remedy = "enable the ACPI button in the kernel (CONFIG_ACPI_BUTTON) or add its module to the image; " +
			"for arm64, install qemu-efi-aarch64 on this host"
	} else {
		f.remedy = "add linuxkit/acpid to the services, or set shutdown: kill in the spec"
	}
	j.conclude(Failed, f)
}

// judgePowerOff decides the verdict on a guest that has ended after the power button.
func (j *Judge) judgePowerOff(status string) {
	f := failure{culprit: "shutdown", line: j.lastLine}
	switch {
	case len(j.killed) > 0:
		f.culprit = strings.Join(j.killed, ", ")
		f.reason = "killed at shutdown after the stop timeout: " + f.culprit
		f.remedy = "handle the stop signal, or raise stop: {timeout: …}"
	case j.killedCount != "" && j.killedCount != "0":
		f.reason = fmt.Sprintf("%s services did not stop in time and were killed at shutdown", j.killedCount)
	case j.offReason != guestShutdown:
		f.reason = "the guest did not power off: " + j.endReason(status)
	case j.config.Builtin && !j.bye:
		f.reason = "the guest powered off without the last record of PID 1; it is not proved that every service has stopped"
	default:
		j.decide(Ready, failure{reason: j.summary()})
		return
	}
	verdict := Failed
	if !j.bye && j.config.Builtin && j.lost+j.damaged > 0 && f.culprit == "shutdown" {
		verdict = Garbled
	}
	j.decide(verdict, f)
}
