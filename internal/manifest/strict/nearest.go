package strict

import "strings"

// Nearest returns the word that was most likely meant by a misspelt one: the same
// but for case and punctuation, or at most two edits (one in a word of three letters) away.
// It returns "" where no word is near.
func Nearest(word string, words []string) string {
	if len(word) > 64 {
		return ""
	}
	best, distance := "", 3
	if len(word) < 4 {
		distance = 2
	}
	for _, w := range words {
		if d := edits(fold(word), fold(w)); d < distance {
			best, distance = w, d
		}
	}
	return best
}

func fold(s string) string {
	return strings.NewReplacer("_", "", "-", "", ".", "").Replace(strings.ToLower(s))
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
