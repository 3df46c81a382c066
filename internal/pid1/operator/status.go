package operator

import (
	"strconv"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/control"
	"github.com/org/linuxkit-action/internal/pid1/snapshot"
)

// status formats the state of a machine as tables.
func status(m snapshot.Machine) string {
	text := m.Phase + ", up " + age(m.Now-m.Origin) + ", " + toolName + " " + m.Version + ", Linux " + m.Kernel + "\n"
	if len(m.Onboot) > 0 {
		rows := [][]string{{"ONBOOT", "RESULT"}}
		for _, o := range m.Onboot {
			rows = append(rows, []string{control.Sanitize(o.Name), outcome(o.Result)})
		}
		text += "\n" + table(rows)
	}
	if len(m.Services) > 0 {
		rows := [][]string{{"SERVICE", "STATE", "PID", "RESTARTS", "SINCE", "LAST EXIT"}}
		for _, s := range m.Services {
			rows = append(rows, row(m, s))
		}
		text += "\n" + table(rows, 2, 3, 4)
	}
	return text
}

func row(m snapshot.Machine, s snapshot.Service) []string {
	pid, last := "-", "-"
	if s.Pid != 0 {
		pid = strconv.Itoa(s.Pid)
	}
	if s.Last != "" {
		last = oneLine(s.Last)
	}
	return []string{control.Sanitize(s.Name), s.State, pid, strconv.Itoa(s.Restarts), age(m.Now - s.Since), last}
}

// outcome formats the result of an onboot container: a number is an exit status.
func outcome(result string) string {
	if _, err := strconv.Atoi(result); err == nil {
		return "exit " + result
	}
	return result
}

// oneLine returns text as one line of printable characters.
func oneLine(text string) string { return strings.ReplaceAll(control.Sanitize(text), "\n", " ") }

// age formats a duration in whole seconds.
func age(d time.Duration) string { return d.Truncate(time.Second).String() }
