package pid1

import (
	"strconv"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/control"
	"github.com/org/linuxkit-action/internal/pid1/supervise"
)

// scene is what an operator gets to see of the machine.
type scene struct {
	phase    string
	now      time.Duration // on the clock of console.Uptime
	origin   time.Duration
	onboot   []entry
	services []supervise.Status
}

func (m *machine) scene() scene {
	s := scene{phase: m.phase, now: console.Uptime(), origin: m.origin, onboot: m.onboot}
	if m.services != nil {
		s.services = m.services.Status()
	}
	return s
}

// String shows it as tables.
func (s scene) String() string {
	text := s.phase + ", up " + age(s.now-s.origin) + ", " + ownName + " " + Version + ", Linux " + kernel() + "\n"
	if len(s.onboot) > 0 {
		rows := [][]string{{"ONBOOT", "RESULT"}}
		for _, e := range s.onboot {
			rows = append(rows, []string{control.Plain(e.name), e.outcome()})
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

func (s scene) row(u supervise.Status) []string {
	pid, last := "-", "-"
	if u.Pid != 0 {
		pid = strconv.Itoa(u.Pid)
	}
	if u.Last != "" {
		last = line(u.Last)
	}
	return []string{control.Plain(u.Name), string(u.State), pid, strconv.Itoa(u.Restarts), age(s.now - u.Since), last}
}

// outcome is the result for people: a number is an exit code.
func (e entry) outcome() string {
	if _, err := strconv.Atoi(e.result); err == nil {
		return "exit " + e.result
	}
	return e.result
}

// line makes one line of a text.
func line(text string) string { return strings.ReplaceAll(control.Plain(text), "\n", " ") }

// age is a time in whole seconds.
func age(d time.Duration) string { return d.Truncate(time.Second).String() }
