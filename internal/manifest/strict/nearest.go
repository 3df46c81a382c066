package strict

import "strings"

// Nearest returns the word that was most likely meant by a misspelt one: the same
// but for case and punctuation, at most two edits (one in a word of three letters)
// away, or the only one that begins with it. It returns "" where no word is near.
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
	if best == "" && len(word) >= 3 {
		return completion(fold(word), words)
	}
	return best
}

// completion returns the only word that begins with a prefix.
func completion(prefix string, words []string) string {
	found := ""
	for _, w := range words {
		if !strings.HasPrefix(fold(w), prefix) {
			continue
		}
		if found != "" {
			return ""
		}
		found = w
	}
	return found
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
