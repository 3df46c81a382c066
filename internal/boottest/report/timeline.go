package report

import (
	"fmt"
	"strings"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/boottest/judge"
)

const (
	nameColumns = 22
	barColumns  = 40
	maxRows     = 40
)

// Timeline draws the boot for a terminal of 80 columns: the stages one after another,
// then onboots, services and probes, slowest first.
func (b Boot) Timeline() string {
	var out strings.Builder
	end := b.end()
	fmt.Fprintf(&out, "%s %s, %s", b.Format, b.Verdict, strings.ToUpper(b.Accelerator))
	if b.ReadyMS > 0 {
		fmt.Fprintf(&out, ", ready after %s", seconds(b.ReadyMS))
	}
	out.WriteByte('\n')
	rows := b.rows()
	for i, r := range rows {
		if i == maxRows {
			fmt.Fprintf(&out, "  … and %d more\n", len(rows)-maxRows)
			break
		}
		fmt.Fprintf(&out, "  %-*s %s %9s\n", nameColumns, r.label(), r.bar(end), r.took())
	}
	return out.String()
}

// took is how long it took, and a mark where that is not the point.
func (r row) took() string {
	switch r.State {
	case "", judge.StateOK:
		return seconds(r.length())
	case judge.StateFailed:
		return "failed"
	}
	return "-"
}

// label is the name, cut to its column. What is not ASCII may be wider than one.
func (r row) label() string {
	name := []rune(console.EscapeCommands(r.Name))
	for i, c := range name {
		if c > '~' {
			name[i] = '?'
		}
	}
	if r.Kind != "stage" {
		name = append([]rune("· "), name...) // not a blank: "::" behind blanks is a command to GitHub's runner
	}
	return string(name[:min(len(name), nameColumns)])
}

// bar draws the row on a scale of 0..end. What never began has none.
func (r row) bar(end int64) string {
	if r.To == 0 {
		return strings.Repeat(" ", barColumns)
	}
	first := min(int(r.From*barColumns/end), barColumns-1)
	last := max(first+1, int((r.To*barColumns+end-1)/end))
	return strings.Repeat(" ", first) + strings.Repeat("█", last-first) + strings.Repeat(" ", barColumns-last)
}
