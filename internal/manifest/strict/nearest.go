package strict

import "strings"

// Nearest returns the most similar of words to a misspelled word: at most two edits away,
// ignoring case and punctuation (one edit for words of up to three letters), or the only
// word with that prefix. It returns "" if there is none.
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

// completion returns the only word with a prefix, or "".
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

func fold(s string) string { return punctuation.Replace(strings.ToLower(s)) }

var punctuation = strings.NewReplacer("_", "", "-", "", ".", "")

// edits returns the distance of a and b in letters changed, added, removed, or swapped
// with the next one (optimal string alignment).
func edits(a, b string) int {
	var previous []int // the row before the last
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
				row[j+1] = min(row[j+1], previous[j-1]+1)
			}
		}
		previous, last = last, row
	}
	return last[len(b)]
}
