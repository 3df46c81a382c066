package judge

import (
	"fmt"
	"time"
)

// Deadline returns when Tick must be called next, since power-on. It changes with
// every event.
func (j *Judge) Deadline() time.Duration {
	at := j.task.Spec.Timeout
	sooner := func(t time.Duration) {
		if t > 0 && t < at {
			at = t
		}
	}
	if j.decided {
		return j.closeAt
	}
	switch j.phase {
	case booting:
		for _, list := range [][]Unit{j.out.Onboot, j.out.Services, j.out.Probes} {
			for _, u := range list {
				sooner(j.due(u))
			}
		}
	case staying:
		sooner(j.stayUntil)
	case stopping:
		sooner(j.offBy())
	}
	return at
}

// due returns when a unit will have failed if nothing happens, and 0 for never.
func (j *Judge) due(u Unit) time.Duration {
	if !u.open() || u.optional {
		return 0
	}
	if u.downAt > 0 {
		return u.downAt + j.scaled(restartGrace)
	}
	return u.within
}

func (j *Judge) scaled(d time.Duration) time.Duration {
	return d * time.Duration(max(1, j.task.Slowness))
}

// offBy is when the guest must have answered the power button, or be off.
func (j *Judge) offBy() time.Duration {
	switch {
	case !j.task.Builtin:
		return j.pressed + j.scaled(foreignOffTime)
	case !j.stopBegan:
		return j.pressed + j.scaled(buttonTime)
	}
	return j.task.Spec.Timeout
}

// Tick tells the judge the time since power-on.
func (j *Judge) Tick(now time.Duration) {
	if j.done {
		return
	}
	j.now = max(j.now, now)
	switch {
	case j.decided:
		if j.now >= j.closeAt {
			j.finish()
		}
	case j.now >= j.task.Spec.Timeout:
		j.timeout()
	case j.phase == booting:
		j.overdue("onboot", j.out.Onboot)
		j.overdue("service", j.out.Services)
		j.overdue("probe", j.out.Probes)
	case j.phase == staying && j.now >= j.stayUntil:
		j.stop()
	case j.phase == stopping && j.now >= j.offBy():
		j.stillOn()
	}
}

func (j *Judge) overdue(kind string, list []Unit) {
	for _, u := range list {
		at := j.due(u)
		if at == 0 || j.now < at {
			continue
		}
		reason := fmt.Sprintf("%s %q: not as expected within %v (%s)", kind, u.Name, u.within, u.wants())
		if u.downAt > 0 {
			reason = fmt.Sprintf("service %q ended with code 0 and did not come back; it must stay up", u.Name)
		}
		culprit := u.Name
		if held := j.heldUpBy(); held != "" && u.State == StateWaiting {
			reason += fmt.Sprintf(": onboot %q has not ended", held)
			culprit = held
		}
		j.conclude(Failed, fault{reason: reason, culprit: culprit, line: j.lastLine})
	}
}

// heldUpBy names the onboot that everything after it is waiting for, or "".
func (j *Judge) heldUpBy() string {
	for _, u := range j.out.Onboot {
		if u.State == StateStarted {
			return u.Name
		}
	}
	return ""
}

// timeout gives the verdict when the time is over: what is missing is not proved.
func (j *Judge) timeout() {
	verdict, f := Hung, fault{line: j.lastLine}
	if j.phase == stopping {
		f.reason = fmt.Sprintf("not powered off within %v", j.task.Spec.Timeout)
		j.conclude(verdict, f)
		return
	}
	f.reason = fmt.Sprintf("not ready within %v; missing: %s", j.task.Spec.Timeout, j.missing())
	f.culprit = j.heldUpBy()
	if j.phase == staying {
		f.reason = fmt.Sprintf("ready, but the time (%v) was over before it had stayed so for %v; raise timeout:", j.task.Spec.Timeout, j.stays())
	}
	switch {
	case !j.sawLine:
		f.reason = fmt.Sprintf("not a line on the console within %v", j.task.Spec.Timeout)
		f.remedy = "is console=ttyS0 (arm64: ttyAMA0) on the kernel's command line?"
	case j.lost+j.damaged > 0:
		verdict = Garbled
		f.reason += fmt.Sprintf("; %d records of PID 1 were lost and %d came damaged", j.lost, j.damaged)
	case len(missing(j.out.Onboot))+len(missing(j.out.Services)) == 0 && j.phase == booting && j.probing && len(j.out.Probes) > 0 && (j.lastSeq > 0 || j.stock.banner):
		verdict = Failed // the guest is up, and answers otherwise than expected
	}
	j.conclude(verdict, f)
}
