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

// edits is the distance of a and b in letters changed, added, left out, or swapped with
// the one beside them (optimal string alignment).
func edits(a, b string) int {
	var before []int // the row before the last
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replace := last[j]
			if a[i] != b[j] {
				replace++
			}
			row[j+1] = min(replace, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
