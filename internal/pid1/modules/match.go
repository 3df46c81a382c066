package modules

import "strings"

// wildcards are the bytes of a pattern that do not stand for themselves.
const wildcards = "*?["

// alias is a line of modules.alias.
type alias struct {
	pattern, module string
	fixed           int // number of bytes before the first wildcard
}

func newAlias(pattern, module string) alias {
	fixed := strings.IndexAny(pattern, wildcards)
	if fixed < 0 {
		fixed = len(pattern)
	}
	return alias{pattern: pattern, module: module, fixed: fixed}
}

// bus returns the text before the colon in the fixed part, which a matching name must have
// too, or "" if there is no colon.
func (a alias) bus() string { return bus(a.pattern[:a.fixed]) }

func bus(name string) string {
	before, _, found := strings.Cut(name, ":")
	if !found {
		return ""
	}
	return before
}

// matches reports whether the pattern matches a name, as fnmatch(3) without flags: "*",
// "?" and sets in brackets. Comparing the fixed part first excludes most patterns cheaply.
func (a alias) matches(name string) bool {
	return strings.HasPrefix(name, a.pattern[:a.fixed]) && match(a.pattern[a.fixed:], name[a.fixed:])
}

// match reports whether a pattern matches a name. It backtracks to the last "*" only, so
// its time is bounded by the product of the two lengths.
func match(pattern, name string) bool {
	p, n, star, from := 0, 0, -1, 0
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			star, from = p, n
			p++
			continue
		}
		if width := matchByte(pattern[p:], name[n]); width > 0 {
			p, n = p+width, n+1
			continue
		}
		if star < 0 {
			return false
		}
		from++
		p, n = star+1, from
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchByte returns the length of the pattern's first element if it matches c, or 0.
func matchByte(pattern string, c byte) int {
	switch {
	case pattern == "":
		return 0
	case pattern[0] == '?':
		return 1
	case pattern[0] == '[':
		if end := strings.IndexByte(pattern, ']'); end > 1 {
			if inSet(pattern[1:end], c) {
				return end + 1
			}
			return 0
		}
	}
	if pattern[0] == c {
		return 1
	}
	return 0
}

// inSet reports whether c is in a set such as "abc0-9", or not in one such as "!abc".
func inSet(set string, c byte) bool {
	rest, not := strings.CutPrefix(set, "!")
	for i := 0; i < len(rest); i++ {
		low, high := rest[i], rest[i]
		if i+2 < len(rest) && rest[i+1] == '-' {
			high = rest[i+2]
			i += 2
		}
		if low <= c && c <= high {
			return !not
		}
	}
	return not
}
