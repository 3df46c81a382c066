package judge

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// state takes from the whole picture what a lost record would have told. Its lists are
// NAME:RESULT of onboots ("running", or how it ended) and NAME:STATE:RESTARTS of services.
func (j *Judge) state(r record.Record, l console.Line) {
	if j.phase == stopping {
		return
	}
	if r.Get(record.KeyPhase) == record.PhaseReady {
		j.allReady = true
	}
	for name, state := range picture(r.Get(record.KeyServices)) {
		if u := find(j.out.Services, name); u != nil {
			j.healService(u, state, l)
		}
	}
	for name, result := range picture(r.Get(record.KeyOnboot)) {
		u := find(j.out.Onboot, name)
		if u == nil || !u.open() {
			continue
		}
		if result == record.ResultRunning {
			u.started(j.now)
			continue
		}
		u.ToMS, u.Detail, u.State = j.now.Milliseconds(), record.KeyExit+" "+result, StateOK
		if result != strconv.Itoa(u.exit) {
			u.State = StateFailed
			j.decide(Failed, fault{reason: fmt.Sprintf("onboot %q ended with %s, not %d", u.Name, result, u.exit), culprit: u.Name, line: l.Text})
		}
	}
}

// started notes that a unit has begun.
func (u *Unit) started(now time.Duration) {
	if u.State == StateWaiting {
		u.State, u.FromMS = StateStarted, now.Milliseconds()
	}
}

func (j *Judge) healService(u *Unit, state string, l console.Line) {
	switch state {
	case record.StateReady:
		if u.open() {
			u.State, u.ToMS, u.downAt = StateOK, j.now.Milliseconds(), 0
		}
	case record.StateFailed:
		u.State = StateFailed
		j.decide(Failed, fault{reason: fmt.Sprintf("service %q failed", u.Name), culprit: u.Name, line: l.Text})
	case record.StateExited, record.StateDone:
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
