package report

import (
	"fmt"
	"html"
	"strings"

	"github.com/org/linuxkit-action/internal/boottest/judge"
	"github.com/org/linuxkit-action/internal/markup"
)

// Markdown returns the content of summary.md, fit for a job's summary or a comment on
// a pull request.
func (r *Report) Markdown() ([]byte, error) {
	var out strings.Builder
	for _, b := range r.Boots {
		b.markdown(&out, r.Name)
	}
	return markup.EscapeCommands([]byte(out.String())), nil
}

func (b Boot) markdown(out *strings.Builder, name string) {
	mark := "❌"
	if b.Verdict == judge.Ready {
		mark = "✅"
	}
	fmt.Fprintf(out, "### %s %s (%s): %s\n\n", mark, markup.Escape(name), markup.Escape(b.Format), b.Verdict)
	fmt.Fprintf(out, "%s, under %s.\n\n", markup.Escape(b.Reason), strings.ToUpper(b.Accelerator))
	if b.Remedy != "" {
		fmt.Fprintf(out, "**Remedy:** %s\n\n", markup.Escape(b.Remedy))
	}
	b.table(out)
	for _, n := range b.Notes {
		fmt.Fprintf(out, "- %s\n", markup.Escape(n))
	}
	if b.Verdict != judge.Ready {
		details(out, "Last words of "+b.Culprit, strings.Split(b.Tail, "\n"))
		details(out, "The end of the console", b.LastLines)
	}
	out.WriteByte('\n')
}

func (b Boot) table(out *strings.Builder) {
	out.WriteString("| what | | time | state |\n|---|---|--:|---|\n")
	rows := b.rows()
	for i, r := range rows {
		if i == maxRows {
			fmt.Fprintf(out, "| … and %d more | | | |\n", len(rows)-maxRows)
			break
		}
		fmt.Fprintf(out, "| %s %s | <code>%s</code> | %s | %s |\n", r.Kind, markup.Escape(r.Name),
			strings.ReplaceAll(strings.TrimRight(r.bar(b.end()), " "), " ", "&nbsp;"), seconds(r.length()), r.State)
	}
	out.WriteByte('\n')
}

// details folds lines of the guest away. In a pre block without blank lines there is
// no Markdown, and what is escaped is no HTML.
func details(out *strings.Builder, title string, lines []string) {
	var text []string
	for _, l := range lines {
		if strings.TrimSpace(l) != "" {
			text = append(text, html.EscapeString(l))
		}
	}
	if len(text) > 0 {
		fmt.Fprintf(out, "<details><summary>%s</summary>\n<pre>\n%s\n</pre>\n</details>\n\n", markup.Escape(title), strings.Join(text, "\n"))
	}
}
