package report

import (
	"bytes"
	_ "embed"
	"html/template"

	"github.com/org/linuxkit-action/internal/markup"
)

//go:embed report.html.tmpl
var pageSource string

// Sizes of the chart, in pixels.
const (
	chartWidth = 900
	nameWidth  = 220
	valueWidth = 80
	rowHeight  = 22
)

// foldedLines is the number of lines from which a block is folded.
const foldedLines = 40

// page is the data of the template.
type page struct {
	*Report
	Sections [][]Section // of each boot
}

// rect is a bar with its place in the chart.
type rect struct {
	Bar
	X, Y, Width, TextY int
}

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"rects":  rects,
	"height": func(s Section) int { return len(s.Bars)*rowHeight + 8 },
	"folded": func(lines []string) bool { return len(lines) > foldedLines },
}).Parse(pageSource))

// HTML returns the content of report.html, a page without external resources.
func (r *Report) HTML() ([]byte, error) {
	p := page{Report: r}
	for _, b := range r.Boots {
		p.Sections = append(p.Sections, r.sections(b))
	}
	return p.render()
}

func (p page) render() ([]byte, error) {
	var out bytes.Buffer
	err := pageTemplate.Execute(&out, p)
	return markup.EscapeCommands(out.Bytes()), err
}

func rects(s Section) []rect {
	var list []rect
	scale := float64(chartWidth-nameWidth-valueWidth) / float64(s.end())
	for i, b := range s.sortedBars() {
		list = append(list, rect{
			Bar: b, Y: i*rowHeight + 4, TextY: i*rowHeight + 19,
			X: nameWidth + int(float64(b.From)*scale), Width: max(2, int(float64(b.length())*scale)),
		})
	}
	return list
}
