package console

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/org/linuxkit-action/internal/pid1/record"
)

func texts(lines []Line) []string {
	var out []string
	for _, l := range lines {
		out = append(out, l.Text)
	}
	return out
}

func TestSplitter(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		in   string
		want []string
	}{
		"complete lines":                {"a\nb\n", []string{"a", "b"}},
		"line ends of a serial console": {"a\r\nb\r\r\n\r\n", []string{"a", "b"}},
		"carriage returns":              {"10%\r20%\rdone\n", []string{"10%", "20%", "done"}},
		"partial last line":             {"a\nlogin: ", []string{"a", "login: "}},
		"colours":                       {"\x1b[1;31mred\x1b[0m text\n", []string{"red text"}},
		"window title":                  {"\x1b]0;evil\x07shown\x1b]2;more\x1b\\too\n", []string{"showntoo"}},
		"device control string":         {"\x1bP1$r0m\x1b\\x\n", []string{"x"}},
		"character set":                 {"\x1b(Bx\x1b7y\n", []string{"xy"}},
		"unterminated sequence": {
			"\x1b]0;" + strings.Repeat("h", 300) + "Z\n",
			[]string{strings.Repeat("h", 300-maxSequence+4) + "Z"},
		},
		"sequence cut by the end of a line": {"\x1b]0;title\nnext\n", []string{"next"}},
		"backspaces":                        {"real\x08\x08\x08\x08fake\n", []string{"real\uFFFD\uFFFD\uFFFD\uFFFDfake"}},
		"right-to-left override":            {"a\u202eb\n", []string{"a\uFFFDb"}},
		"eight-bit control character":       {"a\u009b2Jb\n", []string{"a\uFFFD2Jb"}},
		"invalid UTF-8":                     {"a\xff\xfeb\x00\n", []string{"a\uFFFDb"}},
		"zero bytes at the start":           {"\x00\x00\x00hello\n", []string{"hello"}},
		"tab and other scripts":             {"a\tä 漢 🐳\n", []string{"a\tä 漢 🐳"}},
		"Unicode line separator":            {"a\u2028b\n", []string{"a\uFFFDb"}},
	} {
		for _, step := range []int{1, 3, 1 << 20} {
			var s Splitter
			var got []Line
			for rest := []byte(tt.in); len(rest) > 0; {
				n := min(step, len(rest))
				got = append(got, s.Append(rest[:n], 0)...)
				rest = rest[n:]
			}
			got = append(got, s.Flush()...)
			if !reflect.DeepEqual(texts(got), tt.want) {
				t.Errorf("%s, %d bytes at a time: %q", name, step, texts(got))
			}
		}
	}
}

func TestSplitterBoundsLinesAndKeepsRecordsComplete(t *testing.T) {
	t.Parallel()
	r := record.Record{Seq: 1, Event: record.Ready, Fields: []record.Field{{Key: "service", Value: "web"}}}
	for _, before := range []int{0, 100, MaxLine - 40, MaxLine - 10, MaxLine, 3*MaxLine - 20, 1 << 20} {
		var s Splitter
		lines := s.Append(append(bytes.Repeat([]byte("x"), before), r.Append(nil)...), 0)
		lines = append(lines, s.Flush()...)
		found := false
		for _, l := range lines {
			if len(l.Text) > MaxLine {
				t.Errorf("a line of %d bytes", len(l.Text))
			}
			if got, ok := record.Find([]byte(l.Text)); ok {
				found = reflect.DeepEqual(got, r)
			}
		}
		if !found {
			t.Errorf("no record found behind %d bytes of text", before)
		}
	}
}

func TestSplitterReadsKernelTimestamps(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]time.Duration{
		"[    1.234567] usb 1-1: new":          1234567 * time.Microsecond,
		"[12345.000001][   T12] with caller":   12345*time.Second + time.Microsecond,
		"eth0: link bec[    0.500000] spliced": 500 * time.Millisecond,
		"[ OK ] started":                       -1, // want < 0: no time stamp
		"[1.5] no stamp":                       -1,
		"no stamp [    1.234567]":              -1,
		"[99999999999999.000000] too large":    -1,
	} {
		var s Splitter
		l := s.Append([]byte(line+"\n"), 7*time.Second)[0]
		if l.HasKernel != (want >= 0) || l.HasKernel && l.KernelAt != want || l.At != 7*time.Second {
			t.Errorf("%q: %+v", line, l)
		}
	}
}

func TestPartialReturnsPrompt(t *testing.T) {
	t.Parallel()
	var s Splitter
	s.Append([]byte("banner\n\x1b[1mlogin: \x1b["), time.Second)
	if l, ok := s.Partial(); !ok || l.Text != "login: " || l.Number != 2 {
		t.Errorf("got %+v, %v", l, ok)
	}
	lines := s.Append([]byte("0mroot\n"), time.Second)
	if len(lines) != 1 || lines[0].Text != "login: root" || lines[0].Number != 2 {
		t.Errorf("after the line end: %+v", lines)
	}
	if l, ok := s.Partial(); ok {
		t.Errorf("unexpected partial line %+v", l)
	}
}

func FuzzSplitter(f *testing.F) {
	f.Add([]byte("[    1.5] a\r\n\x1b[0mb\x1b]0;x\x07\n"), 3)
	f.Add(bytes.Repeat([]byte("\x1b]x"), 2000), 1)
	f.Fuzz(func(t *testing.T, in []byte, step int) {
		var whole, pieces Splitter
		want := append(whole.Append(in, 0), whole.Flush()...)
		var got []Line
		for rest := in; len(rest) > 0; {
			n := min(max(1, step), len(rest))
			got = append(got, pieces.Append(rest[:n], 0)...)
			rest = rest[n:]
		}
		if l, ok := pieces.Partial(); ok && len(l.Text) > 3*MaxLine {
			t.Errorf("partial line of %d bytes", len(l.Text))
		}
		got = append(got, pieces.Flush()...)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("in pieces of %d bytes: %q, at once: %q", step, texts(got), texts(want))
		}
		for _, l := range got {
			// U+FFFD takes three bytes where one control character was.
			if !utf8.ValidString(l.Text) || len(l.Text) > 3*MaxLine || strings.ContainsAny(l.Text, "\x1b\n\r\x00\u009b") {
				t.Errorf("not sanitized: %q", l.Text)
			}
		}
	})
}

func TestEscapeCommands(t *testing.T) {
	t.Parallel()
	if got := EscapeCommands("x ##[add-path]/evil ##[warning]y"); strings.Contains(got, "##[") {
		t.Errorf("the runner takes %q for a command", got)
	}
}
