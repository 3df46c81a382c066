package config

import "strconv"

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
	if near := nearest(word, words); near != "" {
		text += "; did you mean " + strconv.Quote(near) + "?"
	}
	p.add(line, text)
}

// nearest returns the word that a misspelt one is at most two edits away from,
// or "". Words of three letters and fewer have too many neighbours for two.
func nearest(word string, words []string) string {
	best, distance := "", 3
	if len(word) < 4 {
		distance = 2
	}
	for _, w := range words {
		if len(word) > len(w)+2 {
			continue // a bound on the work as well
		}
		if d := edits(word, w); d < distance {
			best, distance = w, d
		}
	}
	return best
}

// edits is the Levenshtein distance of a and b.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
