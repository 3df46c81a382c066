package pid1

import (
	"strconv"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/control"
	"github.com/org/linuxkit-action/internal/pid1/supervise"
)

// snapshot is the state of the machine for an operator.
type snapshot struct {
	phase    string
	now      time.Duration // on the clock of console.Uptime
	origin   time.Duration
	onboot   []onbootStatus
	services []supervise.Status
}

func (m *machine) snapshot() snapshot {
	s := snapshot{phase: m.phase, now: console.Uptime(), origin: m.origin, onboot: m.onboot}
	if m.services != nil {
		s.services = m.services.Status()
	}
	return s
}

// String formats the state as tables.
func (s snapshot) String() string {
	text := s.phase + ", up " + age(s.now-s.origin) + ", " + toolName + " " + Version + ", Linux " + kernel() + "\n"
	if len(s.onboot) > 0 {
		rows := [][]string{{"ONBOOT", "RESULT"}}
		for _, e := range s.onboot {
			rows = append(rows, []string{control.Sanitize(e.name), e.outcome()})
		}
		text += "\n" + table(rows)
	}
	if len(s.services) > 0 {
		rows := [][]string{{"SERVICE", "STATE", "PID", "RESTARTS", "SINCE", "LAST EXIT"}}
		for _, u := range s.services {
			rows = append(rows, s.row(u))
		}
		text += "\n" + table(rows, 2, 3, 4)
	}
	return text
}

func (s snapshot) row(u supervise.Status) []string {
	pid, last := "-", "-"
	if u.Pid != 0 {
		pid = strconv.Itoa(u.Pid)
	}
	if u.Last != "" {
		last = oneLine(u.Last)
	}
	return []string{control.Sanitize(u.Name), string(u.State), pid, strconv.Itoa(u.Restarts), age(s.now - u.Since), last}
}

// outcome formats the result: a number is an exit status.
func (e onbootStatus) outcome() string {
	if _, err := strconv.Atoi(e.result); err == nil {
		return "exit " + e.result
	}
	return e.result
}

// oneLine returns text as one line of printable characters.
func oneLine(text string) string { return strings.ReplaceAll(control.Sanitize(text), "\n", " ") }

// age formats a duration in whole seconds.
func age(d time.Duration) string { return d.Truncate(time.Second).String() }
