package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/org/linuxkit-action/internal/markup"
)

// WriteTable writes the report for a terminal, one component a line.
func (r *Report) WriteTable(w io.Writer) error {
	if r.Command != "" {
		text, command := r.noPolicy()
		fmt.Fprintf(w, "%s: %s\n", text, markup.Line(command))
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  COMPONENT\tIMAGE\tDIGEST\tVERDICT")
	for _, c := range r.Components {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", markup.Line(c.uses()), markup.Line(c.Image), c.shortDigest(), markup.Printable(c.verdictText()))
	}
	return table.Flush()
}

func (c Component) verdictText() string {
	switch c.Verdict {
	case Refused:
		return "✗ refused, " + c.Rule + ": " + c.shortReason()
	case NoPolicy:
		return "- " + c.pinned()
	case Unchecked:
		return "- not checked, " + c.Rule
	case Signed:
		var signatures []string
		for _, s := range c.Signatures {
			signatures = append(signatures, describe(s))
		}
		return "✓ signed by " + strings.Join(signatures, "; ") + ", " + c.Rule + c.malformedCount()
	}
	return "✓ accepted, " + c.Rule
}

// malformedCount returns how many attachments do not count, to end a verdict.
func (c Component) malformedCount() string {
	if len(c.Malformed) == 0 {
		return ""
	}
	return fmt.Sprintf("; malformed attachments: %d", len(c.Malformed))
}

// shortReason returns the beginning of the reason. The error has all of it.
func (c Component) shortReason() string {
	const limit = 72 // characters
	if utf8.RuneCountInString(c.Reason) <= limit {
		return c.Reason
	}
	return strings.TrimSpace(string([]rune(c.Reason)[:limit])) + "…"
}
