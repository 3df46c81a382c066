// Package markup writes text that strangers have a say in (names, subjects of
// certificates, the console of a guest) so that it stays text: in Markdown, in JSON, and
// in the log of a GitHub job, whose runner takes "##[" anywhere, and "::" at the start of
// a line, for a command.
package markup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Text makes text that is nothing but text: in Markdown a character written by its
// number has no meaning of its own (CommonMark 0.31 §2.5). It stays in its line, and in
// its cell of a table.
func Text(text string) string {
	var out strings.Builder
	for _, c := range text {
		plain := c == ' ' || c == ',' || c == '+' || c > 0x7f || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if plain {
			out.WriteRune(c)
		} else {
			fmt.Fprintf(&out, "&#%d;", c)
		}
	}
	return out.String()
}

var commandStart = regexp.MustCompile(`(?m)^(\s*)::`)

// Mute writes what the runner takes for a command as character references: somebody may
// print the file in a job. It is for markup, where that changes nothing.
func Mute(markup []byte) []byte {
	markup = bytes.ReplaceAll(markup, []byte("##["), []byte("&#35;#["))
	return commandStart.ReplaceAll(markup, []byte("$1&#58;:"))
}

// JSON returns plain data as JSON, indented, and mute. Its lines begin with a blank, a
// quote or a brace, never with "::".
func JSON(data any) ([]byte, error) {
	b, err := json.MarshalIndent(data, "", "  ")
	return append(bytes.ReplaceAll(b, []byte("##["), []byte(`\u0023#[`)), '\n'), err
}

// maxLine bounds what Line returns, in bytes.
const maxLine = 400

// Line makes one printable line of foreign text, for an error or a table. Control and
// format characters become blanks, so the text is no command for a terminal or a job's
// log. Text over 400 bytes is cut.
func Line(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	if len(text) > maxLine {
		text = strings.ToValidUTF8(text[:maxLine], "") + "…"
	}
	return text
}
