package judge

import (
	"regexp"
	"strings"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/boottest/spec"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// Line tells the judge a line of the console.
func (j *Judge) Line(l console.Line) {
	if j.done {
		return
	}
	j.now = max(j.now, l.At)
	j.sawLine, j.lastLine = true, l.Text
	if l.Stamped && j.out.in(stageFirmware) {
		j.out.stage(stageKernel, j.now)
	}
	if f, bad := j.scan.Scan(l); bad {
		j.found(f)
	}
	j.listen(l)
	switch r, whole := record.Find([]byte(l.Text)); {
	case !j.task.Builtin:
		j.foreign(l)
	case whole:
		j.record(r, l)
	case record.Damaged([]byte(l.Text)):
		j.damaged++
	}
	j.settle()
}

// Listening reports whether the judge waits for a text, and so wants Pending.
func (j *Judge) Listening() bool { return len(j.dialogue.steps) > 0 && !j.done }

// Pending tells the judge the unfinished line: prompts have no line end.
func (j *Judge) Pending(l console.Line) {
	if j.done {
		return
	}
	j.now = max(j.now, l.At)
	j.listen(l)
	j.settle()
}

func (j *Judge) found(f console.Finding) {
	verdict := Failed
	if f.Panic {
		verdict = Panicked
	}
	j.decide(verdict, fault{reason: f.Name + ": " + f.Culprit, culprit: f.Culprit, remedy: f.Remedy, line: f.Line.Text})
}

// dialogue is the console expectations, which happen in the order of the spec.
type dialogue struct {
	steps []spec.Expectation
	units []int // index of each in Outcome.Probes
	line  int   // number of the line that the last match was in
	taken int   // how much of it is used up
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
	for len(d.steps) > 0 {
		from := 0
		if l.Number == d.line {
			from = min(d.taken, len(l.Text))
		}
		at := d.steps[0].Console.FindStringIndex(l.Text[from:])
		if at == nil {
			return
		}
		d.line, d.taken = l.Number, from+at[1]
		u := &j.out.Probes[d.units[0]]
		u.State, u.ToMS = StateOK, j.now.Milliseconds()
		if d.steps[0].Send != "" {
			j.order(Order{Do: Type, Text: d.steps[0].Send})
		}
		d.steps, d.units = d.steps[1:], d.units[1:]
	}
}

// What the stock init of LinuxKit shows: /etc/issue, and a line before each onboot.
// It tells neither how an onboot ended nor that a service runs.
const welcome = "Welcome to LinuxKit"

var stockOnboot = regexp.MustCompile(`^(?:.*\s)?onboot \d{3}-(\S+): from `)

func (j *Judge) foreign(l console.Line) {
	if strings.Contains(l.Text, welcome) {
		j.banner = true
		j.out.stage(stageOnboot, j.now)
	}
	if f := stockOnboot.FindStringSubmatch(l.Text); f != nil {
		u := unit(&j.out.Onboot, f[1])
		u.State, u.FromMS = StateUnknown, j.now.Milliseconds()
		u.Detail = "started; this init does not tell how it ended"
	}
}
