package report

import (
	"cmp"
	"slices"
)

// Section is one part of the report on one boot: data without markup. Renderers skip the
// fields that are empty.
type Section struct {
	Title    string
	Verdict  string // shown behind the title; the class of its colour
	Headline string // the section in one line, for a terminal
	Level    Level
	Evidence bool // the lines show the cause of a failure; JUnit attaches them to it

	Paragraphs []Paragraph
	Bars       []Bar
	Table      Table
	Items      []string
	Lines      []string // text of the guest, with its line breaks
}

// Level is the least detailed output that contains a section.
type Level int

// Levels. A more detailed output contains the sections of the less detailed ones as well.
const (
	Full     Level = iota // report.html
	Summary               // summary.md
	Terminal              // the terminal
)

// Paragraph is a text, with a label if it is one of several values.
type Paragraph struct{ Label, Text string }

// Bar is a bar of a chart, such as a stage or a service on the time axis.
type Bar struct {
	Kind   string // stage, onboot, service, probe, …
	Name   string
	State  string // one of judge.State… if the bar is a test, which JUnit then lists; or ""
	Detail string
	From   int64 // on the axis of the chart
	To     int64
	Value  string // the length, with its unit
}

func (b Bar) length() int64 { return b.To - b.From }

// Table is a table of text.
type Table struct {
	Columns []string
	Rows    [][]string
}

// sortedBars returns the bars without a state in their order, then the tests, longest
// first.
func (s Section) sortedBars() []Bar {
	var bars, tests []Bar
	for _, b := range s.Bars {
		if b.State == "" {
			bars = append(bars, b)
		} else {
			tests = append(tests, b)
		}
	}
	slices.SortStableFunc(tests, func(a, b Bar) int { return cmp.Compare(b.length(), a.length()) })
	return append(bars, tests...)
}

// onlyLines reports whether the lines are the only content.
func (s Section) onlyLines() bool {
	return len(s.Paragraphs)+len(s.Bars)+len(s.Table.Rows)+len(s.Items) == 0
}

// end returns the end of the axis, at least 1.
func (s Section) end() int64 {
	last := int64(1)
	for _, b := range s.Bars {
		last = max(last, b.To)
	}
	return last
}
