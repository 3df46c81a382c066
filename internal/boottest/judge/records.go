package judge

import (
	"fmt"
	"iter"
	"regexp"
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
		j.out.stage(stageOnboot, j.now)
	case record.Onboot:
		j.onboot(r, l)
	case record.Onshutdown:
		if how := ending(r); how != "exit 0" {
			j.decide(Failed, fault{reason: fmt.Sprintf("onshutdown %q ended with %s", r.Get("name"), how), culprit: r.Get("name"), line: l.Text})
		}
	case record.Starting, record.Ready, record.Exited:
		j.service(r, l)
	case record.Failed:
		j.failed(r, l)
	case record.State:
		j.state(r, l)
	case record.Milestone:
		if r.Get("name") == "onboot" {
			j.out.stageServices(j.now)
		}
	case record.Log:
		j.log(r)
	case record.Shutdown:
		j.shutdown(r, l)
	case record.Bye:
		j.bye, j.byeKilled = true, r.Get("killed")
	}
}

// harmless makes the values of r fit to be shown: a record quotes what a line cannot
// hold, so they may have any byte. Only the last words keep their lines.
func harmless(r record.Record) {
	for i, f := range r.Fields {
		lines := []string{f.Value}
		if f.Key == "tail" {
			lines = strings.Split(strings.TrimRight(f.Value, "\n"), "\n")
		}
		for n := range lines {
			lines[n] = console.Clean(lines[n])
		}
		r.Fields[i].Value = strings.Join(lines, "\n")
	}
}

// ending tells how a process ended, from the keys of its record.
func ending(r record.Record) string {
	for _, key := range []string{"signal", "error", "exit", "code"} {
		if v := r.Get(key); v != "" {
			return key + " " + v
		}
	}
	return "no exit code"
}

// milliseconds reads a count that PID 1 gives, and returns 0 for anything else.
func milliseconds(r record.Record) int64 {
	n, err := strconv.ParseInt(r.Get("ms"), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func (j *Judge) onboot(r record.Record, l console.Line) {
	u := unit(&j.out.Onboot, r.Get("name"))
	u.ToMS = j.now.Milliseconds()
	u.FromMS = max(0, u.ToMS-milliseconds(r))
	u.Detail = ending(r)
	if u.Detail == "exit "+strconv.Itoa(u.exit) {
		u.State = StateOK
		return
	}
	u.State = StateFailed
	j.decide(Failed, fault{reason: fmt.Sprintf("onboot %q ended with %s, not exit %d", u.Name, u.Detail, u.exit), culprit: u.Name, line: l.Text})
}

func (j *Judge) service(r record.Record, l console.Line) {
	u := unit(&j.out.Services, r.Get("service"))
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
	if how == "code 0" {
		u.downAt = j.now
		return
	}
	u.State = StateFailed
	when := "before it was ready"
	if wasReady {
		when = "after it was ready; it must stay up"
	}
	j.decide(Failed, fault{reason: fmt.Sprintf("service %q ended with %s %s", u.Name, how, when), culprit: u.Name, line: l.Text})
}

// failed takes in that PID 1 gave somebody up, or the last words of one that has
// already decided the verdict.
func (j *Judge) failed(r record.Record, l console.Line) {
	kind, list, name := "service", &j.out.Services, r.Get("service")
	if name == "" {
		kind, list, name = "onboot", &j.out.Onboot, r.Get("onboot")
	}
	u := unit(list, name)
	if kind == "onboot" && u.State == StateOK {
		return // the spec expects this exit
	}
	if j.decided && j.out.Culprit == u.Name {
		j.out.Tail = r.Get("tail")
		j.finish()
		return
	}
	if j.phase == stopping {
		return
	}
	u.State, u.Detail = StateFailed, r.Get("reason")
	j.decide(Failed, fault{reason: fmt.Sprintf("%s %q failed: %s", kind, u.Name, u.Detail), culprit: u.Name, line: l.Text, tail: r.Get("tail")})
}

// state takes from the whole picture what a lost record would have told. Its lists are
// NAME:RESULT of onboots ("running", or how it ended) and NAME:STATE:RESTARTS of services.
func (j *Judge) state(r record.Record, l console.Line) {
	if j.phase == stopping {
		return
	}
	for name, state := range picture(r.Get("services")) {
		if u := find(j.out.Services, name); u != nil {
			j.healService(u, state, l)
		}
	}
	for name, result := range picture(r.Get("onboot")) {
		u := find(j.out.Onboot, name)
		if u == nil || !u.open() || result == "running" {
			continue
		}
		u.ToMS, u.Detail, u.State = j.now.Milliseconds(), "exit "+result, StateOK
		if result != strconv.Itoa(u.exit) {
			u.State = StateFailed
			j.decide(Failed, fault{reason: fmt.Sprintf("onboot %q ended with %s, not %d", u.Name, result, u.exit), culprit: u.Name, line: l.Text})
		}
	}
}

func (j *Judge) healService(u *Unit, state string, l console.Line) {
	switch state {
	case "ready":
		if u.open() {
			u.State, u.ToMS, u.downAt = StateOK, j.now.Milliseconds(), 0
		}
	case "failed":
		u.State = StateFailed
		j.decide(Failed, fault{reason: fmt.Sprintf("service %q failed", u.Name), culprit: u.Name, line: l.Text})
	case "exited", "done":
		if u.downAt == 0 && u.State != StateFailed {
			u.State, u.Detail, u.downAt = StateStarted, state, j.now
		}
	}
}

// picture yields the names in a list of a state record, each with what follows it.
func picture(list string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for item := range strings.SplitSeq(list, ",") {
			name, rest, _ := strings.Cut(item, ":")
			state, _, _ := strings.Cut(rest, ":")
			if state != "" && !yield(name, state) {
				return
			}
		}
	}
}

// late is how PID 1 says that it had to kill a service. That one ended by SIGKILL does
// not tell: a process that does not handle its stop signal gets it at once.
var late = regexp.MustCompile(`^service (\S+): not stopped by .*; killed$`)

func (j *Judge) log(r record.Record) {
	if f := late.FindStringSubmatch(r.Get("msg")); f != nil && j.phase == stopping && len(j.killed) < maxUnits {
		j.killed = append(j.killed, f[1])
	}
}
