package ready

import (
	"strconv"
	"strings"
)

// maxText is how much of what a service says about itself is passed on, in bytes.
const maxText = 200

// clean makes one line of printable characters out of what a service says.
func clean(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), maxText)], "")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return ' '
		}
		return r
	}, text))
}

func quote(text string) string { return strconv.Quote(clean(text)) }
