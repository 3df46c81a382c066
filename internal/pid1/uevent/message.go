package uevent

import "strings"

// Added returns the alias of the device whose appearance a message tells of, or
// "" where it tells of something else, or is not as the kernel writes it:
// ACTION@PATH, a zero byte, and KEY=VALUE, each with a zero byte behind it.
func Added(msg []byte) string {
	text, whole := strings.CutSuffix(string(msg), "\x00")
	title, rest, found := strings.Cut(text, "\x00")
	path, add := strings.CutPrefix(title, "add@/")
	if !whole || !found || !add || path == "" {
		return ""
	}
	alias, action := "", ""
	for _, pair := range strings.Split(rest, "\x00") {
		key, value, _ := strings.Cut(pair, "=")
		switch key {
		case "ACTION":
			action = value
		case "MODALIAS":
			alias = value
		}
	}
	if action != "add" || strings.ContainsFunc(alias, unprintable) {
		return ""
	}
	return alias
}

func unprintable(r rune) bool { return r < ' ' || r > '~' }
