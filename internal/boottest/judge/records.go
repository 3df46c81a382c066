package judge

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// record takes in a record of PID 1. One with a number that was seen is a repetition:
// of a long line's end, or in somebody's copy of the kernel's log.
func (j *Judge) record(r record.Record, l console.Line) {
	if r.Seq <= j.lastSeq {
		return
	}
	j.lost += int(min(r.Seq-j.lastSeq-1, 1<<20))
	j.lastSeq = r.Seq
	harmless(r)
	switch r.Event {
	case record.Start:
		j.out.stage(stageInit, j.now)
	case record.Onboot:
		j.onboot(r, l)
	case record.Onshutdown:
		if how := ending(r); how != record.KeyExit+" 0" {
			j.decide(Failed, fault{reason: fmt.Sprintf("onshutdown %q ended with %s", r.Get(record.KeyName), how), culprit: r.Get(record.KeyName), line: l.Text})
		}
	case record.Starting, record.Ready, record.Exited:
		j.service(r, l)
	case record.Failed:
		j.failed(r, l)
	case record.State:
		j.state(r, l)
	case record.Milestone:
		j.milestone(r.Get(record.KeyName))
	case record.Log:
		j.log(r)
	case record.Shutdown:
		j.shutdown(r, l)
	case record.Bye:
		j.bye, j.byeKilled = true, r.Get(record.KeyKilled)
	}
}

// milestone ends the stage that it closes.
func (j *Judge) milestone(name string) {
	switch {
	case name == record.MilestoneModules && j.out.in(stageKernel, stageInit):
		j.out.stage(stageOnboot, j.now)
	case name == record.MilestoneOnboot:
		j.out.stageServices(j.now)
	case name == record.MilestoneReady:
		j.allReady = true
	}
}

// harmless makes the values of r fit to be shown: a record quotes what a line cannot
// hold, so they may have any byte. Only the last words keep their lines.
func harmless(r record.Record) {
	for i, f := range r.Fields {
		lines := []string{f.Value}
		if f.Key == record.KeyTail {
			lines = strings.Split(strings.TrimRight(f.Value, "\n"), "\n")
		}
		for n := range lines {
			lines[n] = console.Sanitize(lines[n])
		}
		r.Fields[i].Value = strings.Join(lines, "\n")
	}
}

// ending tells how a process ended, from the keys of its record.
func ending(r record.Record) string {
	for _, key := range []string{record.KeySignal, record.KeyError, record.KeyExit, record.KeyCode} {
		if v := r.Get(key); v != "" {
			return key + " " + v
		}
	}
	return "no exit code"
}

// milliseconds reads a count that PID 1 gives, and returns 0 for anything else.
func milliseconds(r record.Record) int64 {
	n, err := strconv.ParseInt(r.Get(record.KeyTime), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func (j *Judge) onboot(r record.Record, l console.Line) {
	u := unit(&j.out.Onboot, r.Get(record.KeyName))
	u.ToMS = j.now.Milliseconds()
	u.FromMS = max(0, u.ToMS-milliseconds(r))
	u.Detail = ending(r)
	if u.Detail == record.KeyExit+" "+strconv.Itoa(u.exit) {
		u.State = StateOK
		return
	}
	u.State = StateFailed
	reason := fmt.Sprintf("onboot %q ended with %s, not exit %d", u.Name, u.Detail, u.exit)
	if why := r.Get(record.KeyError); why != "" {
		reason = fmt.Sprintf("onboot %q could not be run: %s", u.Name, why)
	}
	j.decide(Failed, fault{reason: reason, culprit: u.Name, line: l.Text})
}

func (j *Judge) service(r record.Record, l console.Line) {
	u := unit(&j.out.Services, r.Get(record.KeyService))
	switch r.Event {
	case record.Starting:
		j.out.stageServices(j.now)
		if u.State == StateWaiting {
			u.FromMS = j.now.Milliseconds()
		}
		u.State, u.downAt = StateStarted, 0
	case record.Ready:
		u.State, u.ToMS, u.downAt = StateOK, j.now.Milliseconds(), 0
		if ms := milliseconds(r); ms > 0 {
			u.FromMS = max(0, u.ToMS-ms)
		}
	case record.Exited:
		j.exited(u, r, l)
	}
}

// exited holds a service that ends for failed: a crash loop need not be waited for.
// Only one that ends with 0 may mean it, and come back.
func (j *Judge) exited(u *Unit, r record.Record, l console.Line) {
	how := ending(r)
	if j.phase == stopping {
		return
	}
	wasReady := u.State == StateOK
	u.State, u.Detail = StateStarted, how
	if how == record.KeyCode+" 0" {
		u.downAt = j.now
		return
	}
	u.State = StateFailed
	when := "before it was ready"
	if wasReady {
		when = "after it was ready; it must stay up"
	}
	reason := fmt.Sprintf("service %q ended with %s %s", u.Name, how, when)
	if why := r.Get(record.KeyError); why != "" {
		reason = fmt.Sprintf("service %q could not be started: %s", u.Name, why)
	}
	j.decide(Failed, fault{reason: reason, culprit: u.Name, line: l.Text, tail: r.Get(record.KeyTail)})
}

// failed takes in that PID 1 gave somebody up, or the last words of one that has
// already decided the verdict.
func (j *Judge) failed(r record.Record, l console.Line) {
	kind, list, name := "service", &j.out.Services, r.Get(record.KeyService)
	if name == "" {
		kind, list, name = "onboot", &j.out.Onboot, r.Get(record.KeyOnboot)
	}
	u := unit(list, name)
	if kind == "onboot" && u.State == StateOK {
		return // the spec expects this exit
	}
	if j.decided && j.out.Culprit == u.Name {
		j.out.Tail = r.Get(record.KeyTail)
		j.finish()
		return
	}
	if j.phase == stopping {
		return
	}
	u.State, u.Detail = StateFailed, r.Get(record.KeyReason)
	j.decide(Failed, fault{reason: fmt.Sprintf("%s %q failed: %s", kind, u.Name, u.Detail), culprit: u.Name, line: l.Text, tail: r.Get(record.KeyTail)})
}

// log notes the services that PID 1 kills at shutdown.
func (j *Judge) log(r record.Record) {
	if r.Get(record.KeyKilled) != "" && j.phase == stopping && len(j.killed) < maxUnits {
		j.killed = append(j.killed, r.Get(record.KeyService))
	}
}
