package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/boottest/judge"
)

const (
	nameColumns = 22
	barColumns  = 40
	maxBars     = 40 // of a chart, on the terminal and in Markdown
)

// Terminal returns the report on the decisive boot for a terminal of 80 columns, without
// paragraphs: the error message contains them.
func (r *Report) Terminal() string { return terminal(r.sections(r.Boot)) }

func terminal(list []Section) string {
	var out strings.Builder
	for _, s := range list {
		if s.Level < Terminal {
			continue
		}
		if s.Headline != "" {
			out.WriteString(console.EscapeCommands(s.Headline) + "\n")
		}
		for i, b := range s.sortedBars() {
			if i == maxBars {
				fmt.Fprintf(&out, "  … and %d more\n", len(s.Bars)-maxBars)
				break
			}
			fmt.Fprintf(&out, "  %-*s %s %9s\n", nameColumns, b.label(), b.draw(s.end()), b.result())
		}
		for _, row := range s.Table.Rows {
			fmt.Fprintf(&out, "  · %s\n", console.EscapeCommands(strings.Join(row, "  ")))
		}
		for _, line := range slices.Concat(s.Items, s.Lines) {
			fmt.Fprintf(&out, "  | %s\n", console.EscapeCommands(line))
		}
	}
	return out.String()
}

// result is the value of the bar, or what matters more.
func (b Bar) result() string {
	switch b.State {
	case "", judge.StateOK:
		return b.Value
	case judge.StateFailed:
		return "failed"
	}
	return "-"
}

// label is the name, cut to its columns. Characters outside ASCII may be wider than one
// column and are replaced.
func (b Bar) label() string {
	name := []rune(console.EscapeCommands(b.Name))
	for i, c := range name {
		if c > '~' {
			name[i] = '?'
		}
	}
	if b.Kind != kindStage {
		name = append([]rune("· "), name...) // not only blanks: "::" behind them is a command to GitHub's runner
	}
	return string(name[:min(len(name), nameColumns)])
}

// draw draws the bar on an axis from 0 to end. A bar that has not begun is empty.
func (b Bar) draw(end int64) string {
	if b.To == 0 {
		return strings.Repeat(" ", barColumns)
	}
	first := min(int(b.From*barColumns/end), barColumns-1)
	last := max(first+1, int((b.To*barColumns+end-1)/end))
	return strings.Repeat(" ", first) + strings.Repeat("█", last-first) + strings.Repeat(" ", barColumns-last)
}
