package judge

import (
	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// Line tells the judge a line of the console.
func (j *Judge) Line(l console.Line) {
	if j.done {
		return
	}
	j.now = max(j.now, l.At)
	j.sawLine, j.lastLine = true, l.Text
	if l.HasKernel && j.out.in(stageFirmware) {
		j.out.stage(stageKernel, j.now)
	}
	if f, bad := j.scan.Detect(l); bad {
		j.found(f)
	}
	j.listen(l)
	j.dialogue.pass(l)
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
