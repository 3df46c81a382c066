package markup

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestEscapesMarkdownAndHTML(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain text, 1+1 ✓": "plain text, 1+1 ✓",
		"a|b":               "a&#124;b",
		"<img src=x>":       "&#60;img src&#61;x&#62;",
		"[x](y)":            "&#91;x&#93;&#40;y&#41;",
		"`a` *b* _c_":       "&#96;a&#96; &#42;b&#42; &#95;c&#95;",
		"two\nlines\r":      "two&#10;lines&#13;",
		"&lt;":              "&#38;lt&#59;",
	} {
		if got := Escape(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestEscapesWorkflowCommands(t *testing.T) {
	t.Parallel()
	text := "::error::x\n  ::set-env name=A::b\n##[group]x a ##[error]"
	for line := range strings.Lines(string(EscapeCommands([]byte(text)))) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
			t.Errorf("workflow command in %q", line)
		}
	}
	encoded, err := JSON([]string{text})
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(encoded)) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
			t.Errorf("workflow command in %q", line)
		}
	}
	var back []string
	if err := json.Unmarshal(encoded, &back); err != nil || back[0] != text {
		t.Errorf("decoded %q, %v", back, err)
	}
}

func TestLineIsShortAndPrintable(t *testing.T) {
	t.Parallel()
	if got := Line("a\n::error::b\x1b[31m\u202e"); strings.ContainsAny(got, "\n\x1b\u202e") {
		t.Errorf("%q", got)
	}
	if got := Line(strings.Repeat("ä", 1000)); len(got) > maxLine+len("…") {
		t.Errorf("%d bytes", len(got))
	}
}
