package judge

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// handleRecord handles a record of PID 1. A record whose number is not new is a repetition:
// the overlap of a long line, or a copy of the kernel's log.
func (j *Judge) handleRecord(r record.Record, l console.Line) {
	if r.Seq <= j.lastSeq {
		return
	}
	j.lost += int(min(r.Seq-j.lastSeq-1, 1<<20))
	j.lastSeq = r.Seq
	sanitize(r)
	switch r.Event {
	case record.Start:
		j.out.beginStage(stageInit, j.now)
	case record.Onboot:
		j.handleOnboot(r, l)
	case record.Onshutdown:
		if ending := describeEnd(r); ending != record.KeyExit+" 0" {
			name := r.Get(record.KeyName)
			j.decide(Failed, failure{reason: fmt.Sprintf("onshutdown %q ended with %s", name, ending), culprit: name, line: l.Text})
		}
	case record.Starting, record.Ready, record.Exited:
		j.handleService(r, l)
	case record.Failed:
		j.handleFailed(r, l)
	case record.State:
		j.reconcile(r, l)
	case record.Milestone:
		j.handleMilestone(r.Get(record.KeyName))
	case record.Log:
		j.handleLog(r)
	case record.Shutdown:
		j.handleShutdown(r, l)
	case record.Bye:
		j.bye, j.killedCount = true, r.Get(record.KeyKilled)
	}
}

func (j *Judge) handleMilestone(name string) {
	switch {
	case name == record.MilestoneModules && j.out.inStage(stageKernel, stageInit):
		j.out.beginStage(stageOnboot, j.now)
	case name == record.MilestoneOnboot:
		j.out.beginServices(j.now)
	case name == record.MilestoneReady:
		j.allReady = true
	}
}

// sanitize makes the values of a record safe to print: they are quoted in a line and may
// contain any byte. Only a tail keeps its line breaks.
func sanitize(r record.Record) {
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

// describeEnd returns how a process ended: "exit 0", "signal SIGKILL", "error …".
func describeEnd(r record.Record) string {
	for _, key := range []string{record.KeySignal, record.KeyError, record.KeyExit, record.KeyCode} {
		if v := r.Get(key); v != "" {
			return key + " " + v
		}
	}
	return "no exit code"
}

// milliseconds returns the duration of a record, or 0 if it is not a count.
func milliseconds(r record.Record) int64 {
	n, err := strconv.ParseInt(r.Get(record.KeyTime), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func (j *Judge) handleOnboot(r record.Record, l console.Line) {
	u := findOrAdd(&j.out.Onboot, r.Get(record.KeyName))
	u.ToMS = j.now.Milliseconds()
	u.FromMS = max(0, u.ToMS-milliseconds(r))
	u.Detail = describeEnd(r)
	if u.Detail == record.KeyExit+" "+strconv.Itoa(u.exit) {
		u.State = StateOK
		return
	}
	u.State = StateFailed
	reason := fmt.Sprintf("onboot %q ended with %s, want exit %d", u.Name, u.Detail, u.exit)
	if cause := r.Get(record.KeyError); cause != "" {
		reason = fmt.Sprintf("onboot %q could not be run: %s", u.Name, cause)
	}
	j.decide(Failed, failure{reason: reason, culprit: u.Name, line: l.Text})
}

func (j *Judge) handleService(r record.Record, l console.Line) {
	u := findOrAdd(&j.out.Services, r.Get(record.KeyService))
	switch r.Event {
	case record.Starting:
		j.out.beginServices(j.now)
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
		j.handleExited(u, r, l)
	}
}

// handleExited fails a service whose process has ended, without waiting for a crash loop.
// Only after code 0 the service may be restarted.
func (j *Judge) handleExited(u *Unit, r record.Record, l console.Line) {
	if j.phase == stopping {
		return
	}
	when := "before it was ready"
	if u.State == StateOK {
		when = "after it was ready; a service must stay up"
	}
	u.State, u.Detail = StateStarted, describeEnd(r)
	if u.Detail == record.KeyCode+" 0" {
		u.downAt = j.now
		return
	}
	u.State = StateFailed
	reason := fmt.Sprintf("service %q ended with %s %s", u.Name, u.Detail, when)
	if cause := r.Get(record.KeyError); cause != "" {
		reason = fmt.Sprintf("service %q could not be started: %s", u.Name, cause)
	}
	j.decide(Failed, failure{reason: reason, culprit: u.Name, line: l.Text, tail: r.Get(record.KeyTail)})
}

// handleFailed handles the record that a container has failed for good. If the verdict is
// already decided by it, the record adds the last output.
func (j *Judge) handleFailed(r record.Record, l console.Line) {
	kind, list, name := "service", &j.out.Services, r.Get(record.KeyService)
	if name == "" {
		kind, list, name = "onboot", &j.out.Onboot, r.Get(record.KeyOnboot)
	}
	if j.phase == stopping || name == "" {
		j.addTail(r, cmp.Or(name, r.Get(record.Onshutdown)))
		return
	}
	u := findOrAdd(list, name)
	if kind == "onboot" && u.State == StateOK || j.addTail(r, u.Name) {
		return // the spec expects this exit status, or the verdict is already decided
	}
	u.State, u.Detail = StateFailed, r.Get(record.KeyReason)
	reason := fmt.Sprintf("%s %q failed: %s", kind, u.Name, u.Detail)
	j.decide(Failed, failure{reason: reason, culprit: u.Name, line: l.Text, tail: r.Get(record.KeyTail)})
}

// addTail adds the last output of a container to the verdict that it has decided.
func (j *Judge) addTail(r record.Record, name string) bool {
	if !j.decided || name == "" || j.out.Culprit != name {
		return false
	}
	j.out.Tail = r.Get(record.KeyTail)
	j.finish()
	return true
}

// handleLog collects the services that PID 1 kills at shutdown.
func (j *Judge) handleLog(r record.Record) {
	if r.Get(record.KeyKilled) != "" && j.phase == stopping && len(j.killed) < maxUnits {
		j.killed = append(j.killed, r.Get(record.KeyService))
	}
}
