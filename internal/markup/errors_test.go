package markup

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
)

type several []string

func (s several) Error() string   { return s[0] + "\n" + s[1] }
func (s several) Lines() []string { return s }

// TestErrorLinesEscapesForeignNewlines: only a joined error begins a line, so that no name
// in an error can forge one.
func TestErrorLinesEscapesForeignNewlines(t *testing.T) {
	t.Parallel()
	foreign := errors.New("image a\nos.yml:1:1: forged\x1b[2J\r\u202ex")
	const escaped = `image a\nos.yml:1:1: forged\x1b[2J\r\u202ex`
	for name, tt := range map[string]struct {
		err  error
		want []string
	}{
		"one":              {err: foreign, want: []string{escaped}},
		"wrapped":          {err: fmt.Errorf("x\ty: %w; z", foreign), want: []string{`x\ty: ` + escaped + `; z`}},
		"joined":           {err: errors.Join(foreign, errors.New("b")), want: []string{escaped, "b"}},
		"joined in a wrap": {err: fmt.Errorf("%w: %w", errors.New("k"), errors.Join(foreign, foreign)), want: []string{"k: " + escaped, escaped}},
		"joined twice":     {err: errors.Join(errors.Join(errors.New("a"), errors.New("b")), foreign), want: []string{"a", "b", escaped}},
		"lines":            {err: fmt.Errorf("w: %w", several{"a\x07", "b"}), want: []string{`w: a\a`, "b"}},
		"hidden cause":     {err: fmt.Errorf("w\n%.0w", foreign), want: []string{`w\n`}},
		"none":             {err: nil, want: nil},
	} {
		if got := ErrorLines(tt.err); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain é 漢 ✓ a\\b": "plain é 漢 ✓ a\\b",
		"\x1b]0;x\x07":     `\x1b]0;x\a`, "a\xffb": `a\xffb`,
		"\u2066\u200b\u00a0\u2028": `\u2066\u200b\u00a0\u2028`,
		"\u009b31m":                `\u009b31m`, "\ufffd": "\ufffd",
	} {
		if got := Printable(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
