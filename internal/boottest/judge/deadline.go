package judge

import (
	"fmt"
	"time"
)

// Deadline returns the time since power-on at which the caller must call Tick. Every event
// may change it.
func (j *Judge) Deadline() time.Duration {
	if j.decided {
		return j.doneAt
	}
	deadline := j.config.Spec.Timeout
	limit := func(t time.Duration) {
		if t > 0 && t < deadline {
			deadline = t
		}
	}
	switch j.phase {
	case booting:
		for _, list := range [][]Unit{j.out.Onboot, j.out.Services, j.out.Probes} {
			for _, u := range list {
				limit(j.unitDeadline(u))
			}
		}
	case staying:
		limit(j.stayUntil)
	case stopping:
		limit(j.powerOffDeadline())
	}
	return deadline
}

// unitDeadline returns when a unit fails without further events, or 0 for never.
func (j *Judge) unitDeadline(u Unit) time.Duration {
	if !u.isOpen() || u.optional {
		return 0
	}
	if u.downAt > 0 {
		return u.downAt + j.scaled(restartGrace)
	}
	return u.within
}

func (j *Judge) scaled(d time.Duration) time.Duration {
	return d * time.Duration(max(1, j.config.Slowness))
}

// powerOffDeadline returns when the guest must have reacted to the power button, or be off.
func (j *Judge) powerOffDeadline() time.Duration {
	switch {
	case !j.config.Builtin:
		return j.pressedAt + j.scaled(stockPowerOffTimeout)
	case !j.shutdown:
		return j.pressedAt + j.scaled(buttonTimeout)
	}
	return j.config.Spec.Timeout
}

// Tick sets the time since power-on.
func (j *Judge) Tick(now time.Duration) {
	if j.done {
		return
	}
	j.now = max(j.now, now)
	switch {
	case j.decided:
		if j.now >= j.doneAt {
			j.finish()
		}
	case j.now >= j.config.Spec.Timeout:
		j.timeOut()
	case j.phase == booting:
		j.checkDeadlines("onboot", j.out.Onboot)
		j.checkDeadlines("service", j.out.Services)
		j.checkDeadlines("probe", j.out.Probes)
	case j.phase == staying && j.now >= j.stayUntil:
		j.endTest()
	case j.phase == stopping && j.now >= j.powerOffDeadline():
		j.failPowerButton()
	}
}

// checkDeadlines fails the test if a unit has missed its deadline.
func (j *Judge) checkDeadlines(kind string, list []Unit) {
	for _, u := range list {
		deadline := j.unitDeadline(u)
		if deadline == 0 || j.now < deadline {
			continue
		}
		reason := fmt.Sprintf("%s %q timed out after %v (%s)", kind, u.Name, u.within, u.status())
		if u.downAt > 0 {
			reason = fmt.Sprintf("service %q ended with code 0 and was not restarted; a service must stay up", u.Name)
		}
		culprit := u.Name
		if onboot := j.runningOnboot(); onboot != "" && u.State == StateWaiting {
			reason += fmt.Sprintf("; onboot %q has not ended", onboot)
			culprit = onboot
		}
		j.conclude(Failed, failure{reason: reason, culprit: culprit, line: j.lastLine})
	}
}

// runningOnboot returns the name of the onboot container that runs, or "". Everything
// after it waits for its end.
func (j *Judge) runningOnboot() string {
	for _, u := range j.out.Onboot {
		if u.State == StateStarted {
			return u.Name
		}
	}
	return ""
}

// timeOut decides the verdict at the time limit.
func (j *Judge) timeOut() {
	limit := j.config.Spec.Timeout
	verdict, f := Hung, failure{line: j.lastLine}
	if j.phase == stopping {
		f.reason = fmt.Sprintf("not powered off within %v", limit)
		j.conclude(verdict, f)
		return
	}
	f.reason = fmt.Sprintf("not ready within %v; missing: %s", limit, j.missingProof())
	f.culprit = j.runningOnboot()
	if j.phase == staying {
		f.reason = fmt.Sprintf("ready, but the time limit of %v ended before it had stayed up for %v; raise timeout", limit, j.stays())
	}
	switch {
	case !j.sawLine:
		f.reason = fmt.Sprintf("no line on the console within %v", limit)
		f.remedy = "add console=ttyS0 (arm64: ttyAMA0) to the kernel command line"
	case j.lost+j.damaged > 0:
		verdict = Garbled
		f.reason += fmt.Sprintf("; records of PID 1: %d lost, %d damaged", j.lost, j.damaged)
	case j.phase == booting && j.onlyProbesMissing():
		verdict = Failed
	}
	j.conclude(verdict, f)
}

// onlyProbesMissing reports whether the guest is up, but a probe or console expectation is
// not met.
func (j *Judge) onlyProbesMissing() bool {
	return len(openUnits(j.out.Onboot))+len(openUnits(j.out.Services)) == 0 &&
		j.probing && len(j.out.Probes) > 0 && (j.lastSeq > 0 || j.stock.banner)
}
