package config

import (
	"strconv"

	"github.com/org/linuxkit-action/internal/pid1/suggest"
)

// maxProblems bounds the problems of one file, so that garbage does not flood the console.
const maxProblems = 20

// Problem is one error in the file. PID 1 reports it and continues; the builder fails.
type Problem struct {
	Line int // from 1; 0 if the problem concerns the whole file
	Text string
}

// Error returns the text with its line.
func (p Problem) Error() string {
	if p.Line == 0 {
		return p.Text
	}
	return "line " + strconv.Itoa(p.Line) + ": " + p.Text
}

// problems are the errors found so far.
type problems []Problem

func (p *problems) add(line int, text string) {
	switch {
	case len(*p) < maxProblems:
		*p = append(*p, Problem{line, text})
	case len(*p) == maxProblems:
		*p = append(*p, Problem{line, "more errors; only the first " + strconv.Itoa(maxProblems) + " are reported"})
	}
}

// unknown adds that word is none of words, with a suggestion.
func (p *problems) unknown(line int, what, word string, words []string) {
	if len(*p) > maxProblems {
		return // add would drop it
	}
	text := what + " " + strconv.Quote(word)
	if near := suggest.Nearest(word, words); near != "" {
		text += "; did you mean " + strconv.Quote(near) + "?"
	}
	p.add(line, text)
}
