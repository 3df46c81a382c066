package operator

import (
	"strconv"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/control"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/record"
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
		rows := [][]string{{"SERVICE", "STATE", "PID", "RESTARTS", "SINCE", "MEMORY", "LAST EXIT"}}
		for _, s := range m.Services {
			rows = append(rows, row(m, s))
		}
		text += "\n" + table(rows, 2, 3, 4, 5)
	}
	if notes := problems(m.Services); len(notes) > 0 {
		text += "\n" + strings.Join(notes, "\n") + "\n"
	}
	return text
}

// problems describes the services that are not as they should be, and what depends on them.
func problems(services []snapshot.Service) (notes []string) {
	for _, s := range services {
		note := ""
		if s.State != record.StateReady && s.State != record.StateDone {
			note = s.State
			if s.Why != "" {
				note += ": " + oneLine(s.Why)
			}
			if len(s.NeededBy) > 0 {
				note += "; required by " + oneLine(strings.Join(s.NeededBy, ", "))
			}
		}
		if s.OOMKills > 0 {
			killed := " processes killed for lack of memory"
			if s.OOMKills == 1 {
				killed = " process killed for lack of memory"
			}
			note = strings.TrimPrefix(note+"; "+strconv.Itoa(s.OOMKills)+killed, "; ")
		}
		if note != "" {
			notes = append(notes, control.Sanitize(s.Name)+": "+note)
		}
	}
	return notes
}

func row(m snapshot.Machine, s snapshot.Service) []string {
	pid, last, memory := "-", "-", "-"
	if s.Pid != 0 {
		pid = strconv.Itoa(s.Pid)
	}
	if s.Last != "" {
		last = oneLine(s.Last)
	}
	if s.Memory > 0 {
		memory = process.FormatBytes(s.Memory)
	}
	if s.Limit > 0 {
		memory += "/" + process.FormatBytes(s.Limit)
	}
	return []string{control.Sanitize(s.Name), s.State, pid, strconv.Itoa(s.Restarts), age(m.Now - s.Since), memory, last}
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
