package judge

import (
	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/boottest/spec"
)

// dialogue is the console expectations, which happen in the order of the spec.
type dialogue struct {
	steps []spec.Expectation
	units []int  // index of each in Outcome.Probes
	line  int    // number of the line that the last match was in
	taken int    // how much of it is used up
	torn  string // text that a message of the kernel has interrupted: a prompt, perhaps
}

func newDialogue(expect []spec.Expectation) dialogue {
	var d dialogue
	probes := 0
	for _, e := range expect {
		switch e.Kind() {
		case "console":
			d.steps, d.units = append(d.steps, e), append(d.units, probes)
			probes++
		case "http", "tcp":
			probes++
		}
	}
	return d
}

// listen meets the console expectations that the line answers.
func (j *Judge) listen(l console.Line) {
	d := &j.dialogue
	for len(d.steps) > 0 && d.hear(l) {
		u := &j.out.Probes[d.units[0]]
		u.State, u.ToMS = StateOK, j.now.Milliseconds()
		if d.steps[0].Send != "" {
			j.order(Order{Do: Type, Text: d.steps[0].Send})
		}
		d.steps, d.units = d.steps[1:], d.units[1:]
	}
}

// hear reports whether the next text is in a line, or in what was torn and goes on in
// it, and uses it up.
func (d *dialogue) hear(l console.Line) bool {
	expr, from := d.steps[0].Console, d.used(l)
	if at := expr.FindStringIndex(l.Text[from:]); at != nil {
		d.line, d.taken, d.torn = l.Number, from+at[1], ""
		return true
	}
	rest := d.rest(l)
	if !expr.MatchString(d.torn + rest) {
		return false
	}
	d.line, d.taken, d.torn = l.Number, from+len(rest), ""
	return true
}

// used is how much of a line earlier matches have used up.
func (d *dialogue) used(l console.Line) int {
	if l.Number != d.line {
		return 0
	}
	return min(d.taken, len(l.Text))
}

// rest is what of a line is left, up to where the kernel interrupts it.
func (d *dialogue) rest(l console.Line) string {
	text := l.BeforeKernel()
	return text[min(d.used(l), len(text)):]
}

// pass takes in that a line has ended.
func (d *dialogue) pass(l console.Line) {
	if !l.HasKernel {
		d.torn = ""
		return
	}
	d.torn += d.rest(l)
	d.torn = d.torn[max(0, len(d.torn)-console.MaxLine):]
}
