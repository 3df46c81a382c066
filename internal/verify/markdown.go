package verify

import (
	"fmt"
	"strings"

	"github.com/org/linuxkit-action/internal/markup"
)

// marks stand before a verdict.
var marks = map[string]string{Signed: "✅", Accepted: "✅", Refused: "❌", Unchecked: "➖"}

// Markdown returns the report as a table for a job's summary or a comment on a pull
// request. Where something is refused, the heading says how much.
func (r *Report) Markdown() string {
	refused := 0
	for _, f := range r.Components {
		if f.Verdict == Refused {
			refused++
		}
	}
	var out strings.Builder
	out.WriteString("## Components")
	if refused > 0 {
		fmt.Fprintf(&out, ": %d of %d not by policy", refused, len(r.Components))
	}
	out.WriteString("\n\n| component | image | digest | verdict | by whom, or why not | rule |\n|---|---|---|---|---|---|\n")
	for _, f := range r.Components {
		fmt.Fprintf(&out, "| %s | %s | <code>%s</code> | %s %s | %s | %s |\n", markup.Escape(f.users()), markup.Escape(f.image),
			short(f.digest.Hex), marks[f.Verdict], f.Verdict, f.because(), markup.Escape(f.Rule))
	}
	out.WriteByte('\n')
	return string(markup.EscapeCommands([]byte(out.String())))
}

// because returns the content of a cell: the reason, or a line for each signature.
func (f Finding) because() string {
	if f.Verdict == Refused {
		return markup.Escape(f.Reason)
	}
	var lines []string
	for _, s := range f.Signatures {
		lines = append(lines, markup.Escape(strings.Join(s.words(), ", ")))
	}
	return strings.Join(lines, "<br>")
}
