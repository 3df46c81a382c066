package report

import (
	"fmt"
	"html"
	"strings"

	"github.com/org/linuxkit-action/internal/boottest/judge"
	"github.com/org/linuxkit-action/internal/markup"
)

// Markdown returns the content of summary.md, for the summary of a job or a comment on a
// pull request.
func (r *Report) Markdown() ([]byte, error) {
	var out strings.Builder
	for _, b := range r.Boots {
		out.WriteString(markdown(r.sections(b)))
		out.WriteByte('\n')
	}
	return markup.EscapeCommands([]byte(out.String())), nil
}

func markdown(list []Section) string {
	var out strings.Builder
	for _, s := range list {
		if s.Level < Summary {
			continue
		}
		if !s.onlyLines() {
			out.WriteString(s.markdownTitle())
		}
		for _, p := range s.Paragraphs {
			if p.Label != "" {
				fmt.Fprintf(&out, "**%s:** ", markup.Escape(p.Label))
			}
			fmt.Fprintf(&out, "%s\n\n", markup.Escape(p.Text))
		}
		s.markdownBars(&out)
		s.Table.markdown(&out)
		for _, item := range s.Items {
			fmt.Fprintf(&out, "- %s\n", markup.Escape(item))
		}
		if len(s.Items) > 0 {
			out.WriteByte('\n')
		}
		s.markdownLines(&out)
	}
	return out.String()
}

func (s Section) markdownTitle() string {
	switch s.Verdict {
	case "":
		return fmt.Sprintf("#### %s\n\n", markup.Escape(s.Title))
	case string(judge.Ready):
		return fmt.Sprintf("### ✅ %s: %s\n\n", markup.Escape(s.Title), s.Verdict)
	}
	return fmt.Sprintf("### ❌ %s: %s\n\n", markup.Escape(s.Title), s.Verdict)
}

func (s Section) markdownBars(out *strings.Builder) {
	if len(s.Bars) == 0 {
		return
	}
	out.WriteString("| name | | time | state |\n|---|---|--:|---|\n")
	for i, b := range s.sortedBars() {
		if i == maxBars {
			fmt.Fprintf(out, "| … and %d more | | | |\n", len(s.Bars)-maxBars)
			break
		}
		fmt.Fprintf(out, "| %s %s | <code>%s</code> | %s | %s |\n", b.Kind, markup.Escape(b.Name),
			strings.ReplaceAll(strings.TrimRight(b.draw(s.end()), " "), " ", "&nbsp;"), b.Value, b.State)
	}
	out.WriteByte('\n')
}

func (t Table) markdown(out *strings.Builder) {
	if len(t.Rows) == 0 {
		return
	}
	for i, row := range append([][]string{t.Columns}, t.Rows...) {
		for _, cell := range row {
			fmt.Fprintf(out, "| %s ", markup.Escape(cell))
		}
		out.WriteString("|\n")
		if i == 0 {
			out.WriteString(strings.Repeat("|---", len(t.Columns)) + "|\n")
		}
	}
	out.WriteByte('\n')
}

// markdownLines writes the lines as a folded block. A pre block without blank lines
// contains no Markdown, and escaped text no HTML.
func (s Section) markdownLines(out *strings.Builder) {
	var text []string
	for _, l := range s.Lines {
		if strings.TrimSpace(l) != "" {
			text = append(text, html.EscapeString(l))
		}
	}
	if len(text) > 0 {
		fmt.Fprintf(out, "<details><summary>%s</summary>\n<pre>\n%s\n</pre>\n</details>\n\n",
			markup.Escape(s.Title), strings.Join(text, "\n"))
	}
}
