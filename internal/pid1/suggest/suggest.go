// Package suggest finds the known word that a misspelled one most likely stands for, for
// error messages such as: unknown key "redy"; did you mean "ready"?
package suggest

// Nearest returns the first of words with the smallest edit distance to word, of at most
// two, or "". For a word of three letters and fewer the distance is at most one. The time is
// bounded by the total length of words.
func Nearest(word string, words []string) string {
	best, distance := "", 3
	if len(word) < 4 {
		distance = 2
	}
	for _, w := range words {
		if len(word) > len(w)+2 {
			continue // more than two edits; also bounds the time for a long word
		}
		if d := editDistance(word, w); d < distance {
			best, distance = w, d
		}
	}
	return best
}

// editDistance returns the Levenshtein distance of a and b.
func editDistance(a, b string) int {
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
