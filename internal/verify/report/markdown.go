package report

import (
	"fmt"
	"strings"

	"github.com/org/linuxkit-action/internal/markup"
)

// marks precede a verdict.
var marks = map[string]string{Signed: "✅", Accepted: "✅", Refused: "❌", Unchecked: "➖", NoPolicy: "➖"}

// Markdown returns the report as a table for a job's summary or a comment on a pull
// request. The heading counts refused components.
func (r *Report) Markdown() string {
	var out strings.Builder
	out.WriteString("## Components")
	if n := r.refused(); n > 0 {
		fmt.Fprintf(&out, ": %d of %d refused", n, len(r.Components))
	}
	if r.Command != "" {
		text, command := r.noPolicy()
		fmt.Fprintf(&out, "\n\n%s: <code>%s</code>", markup.Escape(text), markup.Escape(command))
	}
	out.WriteString("\n\n| component | image | digest | verdict | signers or reason | rule |\n|---|---|---|---|---|---|\n")
	for _, c := range r.Components {
		fmt.Fprintf(&out, "| %s | %s | <code>%s</code> | %s %s | %s | %s |\n", markup.Escape(c.uses()), markup.Escape(c.Image),
			c.shortDigest(), marks[c.Verdict], c.Verdict, c.explanation(), markup.Escape(c.Rule))
	}
	out.WriteByte('\n')
	return string(markup.EscapeCommands([]byte(out.String())))
}

// explanation returns a table cell: the reason, or one line for each signature.
func (c Component) explanation() string {
	switch c.Verdict {
	case Refused:
		return markup.Escape(c.Reason)
	case NoPolicy:
		return markup.Escape(c.pinned())
	}
	var lines []string
	for _, s := range c.Signatures {
		lines = append(lines, markup.Escape(describeAll(s)))
	}
	for _, reason := range c.Malformed {
		lines = append(lines, "does not count: "+markup.Escape(reason))
	}
	return strings.Join(lines, "<br>")
}
