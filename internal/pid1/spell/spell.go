// Package spell finds the word that somebody meant.
package spell

// Nearest returns the word that a misspelt one is at most two edits away from,
// or "". Words of three letters and fewer have too many neighbours for two.
func Nearest(word string, words []string) string {
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
