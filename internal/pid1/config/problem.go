package config

import (
	"strconv"

	"github.com/org/linuxkit-action/internal/pid1/spell"
)

// maxProblems bounds what is said of one file, so that garbage does not flood a console.
const maxProblems = 20

// Problem is one mistake in the file. PID 1 reports it and goes on; for the
// builder it is an error.
type Problem struct {
	Line int // counted from 1; 0 where it is about the whole file
	Text string
}

// Error is the text with its line.
func (p Problem) Error() string {
	if p.Line == 0 {
		return p.Text
	}
	return "line " + strconv.Itoa(p.Line) + ": " + p.Text
}

// problems are the mistakes found so far.
type problems []Problem

func (p *problems) add(line int, text string) {
	switch {
	case len(*p) < maxProblems:
		*p = append(*p, Problem{line, text})
	case len(*p) == maxProblems:
		*p = append(*p, Problem{line, "more mistakes; only the first " + strconv.Itoa(maxProblems) + " are named"})
	}
}

// unknown adds that word is none of words, and which of them may have been meant.
func (p *problems) unknown(line int, what, word string, words []string) {
	if len(*p) > maxProblems {
		return // no need to look for what is near
	}
	text := what + " " + strconv.Quote(word)
	if near := spell.Nearest(word, words); near != "" {
		text += "; did you mean " + strconv.Quote(near) + "?"
	}
	p.add(line, text)
}
