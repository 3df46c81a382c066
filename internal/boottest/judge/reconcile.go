package judge

import (
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// reconcile updates the units from a state record, which contains the state of all
// containers. So the loss of any other record is repaired.
func (j *Judge) reconcile(r record.Record, l console.Line) {
	if j.phase == stopping {
		return
	}
	if r.Get(record.KeyPhase) == record.PhaseReady {
		j.allReady = true
	}
	for name, state := range stateItems(r.Get(record.KeyServices)) {
		if u := find(j.out.Services, name); u != nil {
			j.reconcileService(u, state, l)
		}
	}
	for name, result := range stateItems(r.Get(record.KeyOnboot)) {
		if u := find(j.out.Onboot, name); u != nil && u.isOpen() {
			j.reconcileOnboot(u, result, l)
		}
	}
}

func (j *Judge) reconcileOnboot(u *Unit, result string, l console.Line) {
	if result == record.ResultRunning {
		u.start(j.now)
		return
	}
	u.ToMS, u.Detail, u.State = j.now.Milliseconds(), record.KeyExit+" "+result, StateOK
	if result != strconv.Itoa(u.exit) {
		u.State = StateFailed
		j.decide(Failed, failure{
			reason:  fmt.Sprintf("onboot %q ended with %s, want %d", u.Name, result, u.exit),
			culprit: u.Name, line: l.Text,
		})
	}
}

func (j *Judge) reconcileService(u *Unit, state string, l console.Line) {
	switch state {
	case record.StateReady:
		if u.isOpen() {
			u.State, u.ToMS, u.downAt = StateOK, j.now.Milliseconds(), 0
		}
	case record.StateFailed:
		u.State = StateFailed
		j.decide(Failed, failure{reason: fmt.Sprintf("service %q failed", u.Name), culprit: u.Name, line: l.Text})
	case record.StateExited, record.StateDone:
		if u.downAt == 0 && u.State != StateFailed {
			u.State, u.Detail, u.downAt = StateStarted, state, j.now
		}
	}
}

// stateItems yields the name and the state of each item in a list of a state record.
func stateItems(list string) iter.Seq2[string, string] {
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
