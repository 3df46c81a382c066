package judge

import (
	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/boottest/spec"
)

// consoleExpectations are the console expectations that are not met yet. They must be met
// in the order of the spec, and each part of the console meets only one.
type consoleExpectations struct {
	open        []spec.Expectation
	units       []int  // index of each in Outcome.Probes
	line        int    // number of the line that contains the end of the last match
	consumed    int    // bytes of that line that matches have used
	interrupted string // text that a kernel message has interrupted, such as a prompt
}

func newConsoleExpectations(expect []spec.Expectation) consoleExpectations {
	var c consoleExpectations
	probes := 0
	for _, e := range expect {
		switch e.Kind() {
		case "console":
			c.open, c.units = append(c.open, e), append(c.units, probes)
			probes++
		case "http", "tcp":
			probes++
		}
	}
	return c
}

// matchConsole marks the console expectations that a line meets.
func (j *Judge) matchConsole(l console.Line) {
	c := &j.expectations
	for len(c.open) > 0 && c.match(l) {
		u := &j.out.Probes[c.units[0]]
		u.State, u.ToMS = StateOK, j.now.Milliseconds()
		if c.open[0].Send != "" {
			j.act(Action{Kind: TypeText, Text: c.open[0].Send})
		}
		c.open, c.units = c.open[1:], c.units[1:]
	}
}

// match reports whether a line, or an interrupted text that continues in it, matches the
// next expectation, and consumes the match.
func (c *consoleExpectations) match(l console.Line) bool {
	expr, from := c.open[0].Console, c.consumedOf(l)
	if at := expr.FindStringIndex(l.Text[from:]); at != nil {
		c.line, c.consumed, c.interrupted = l.Number, from+at[1], ""
		return true
	}
	rest := c.rest(l)
	if !expr.MatchString(c.interrupted + rest) {
		return false
	}
	c.line, c.consumed, c.interrupted = l.Number, from+len(rest), ""
	return true
}

// consumedOf returns how many bytes of a line earlier matches have used.
func (c *consoleExpectations) consumedOf(l console.Line) int {
	if l.Number != c.line {
		return 0
	}
	return min(c.consumed, len(l.Text))
}

// rest returns the unused part of a line, up to a kernel message.
func (c *consoleExpectations) rest(l console.Line) string {
	text := l.BeforeKernel()
	return text[min(c.consumedOf(l), len(text)):]
}

// endLine handles the end of a line: a text that a kernel message has interrupted
// continues in the next one.
func (c *consoleExpectations) endLine(l console.Line) {
	if !l.HasKernel {
		c.interrupted = ""
		return
	}
	c.interrupted += c.rest(l)
	c.interrupted = c.interrupted[max(0, len(c.interrupted)-console.MaxLine):]
}
