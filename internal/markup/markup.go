// Package markup escapes untrusted text (image names, subjects of certificates, the console
// of a guest) for Markdown, JSON and the log of a GitHub job. The runner executes workflow
// commands in a log: "##[" anywhere, and "::" at the start of a line.
package markup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape returns text for Markdown and HTML. Every character with a meaning in one of them,
// and every line break, becomes a numeric character reference (CommonMark 0.31, section 2.5).
func Escape(text string) string {
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

// EscapeCommands escapes workflow commands in Markdown or HTML by character references, which
// do not change how it renders. So a job may print the file.
func EscapeCommands(markup []byte) []byte {
	markup = bytes.ReplaceAll(markup, []byte("##["), []byte("&#35;#["))
	return commandStart.ReplaceAll(markup, []byte("$1&#58;:"))
}

// JSON returns indented JSON with workflow commands escaped. No line of it begins with "::".
func JSON(data any) ([]byte, error) {
	b, err := json.MarshalIndent(data, "", "  ")
	return append(bytes.ReplaceAll(b, []byte("##["), []byte(`\u0023#[`)), '\n'), err
}

// maxLine bounds what Line returns, in bytes.
const maxLine = 400

// Printable escapes text for a terminal and a log: control characters (ESC, CR, newlines),
// format characters (bidi overrides, zero-width ones), blanks other than the space, and
// invalid bytes become escapes of Go such as \n, \x1b and \u202e. It escapes no
// backslash, so that paths stay as they are.
func Printable(text string) string {
	var out strings.Builder
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)) {
			fmt.Fprintf(&out, `\x%02x`, text[i])
			continue
		}
		if unicode.IsPrint(r) {
			out.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		out.WriteString(quoted[1 : len(quoted)-1])
	}
	return out.String()
}

// Line makes one printable line of foreign text, for an error or a table: line breaks and
// tabs become blanks, the rest is Printable. Text over 400 bytes is cut.
func Line(text string) string {
	text = Printable(strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ").Replace(text))
	if len(text) > maxLine {
		text = strings.ToValidUTF8(text[:maxLine], "") + "…"
	}
	return text
}
