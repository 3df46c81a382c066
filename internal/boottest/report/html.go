package report

import (
	"bytes"
	_ "embed"
	"html/template"

	"github.com/org/linuxkit-action/internal/markup"
)

//go:embed report.html.tmpl
var page string

const (
	svgWidth  = 900
	svgNames  = 220 // pixels for the names
	svgHeight = 22  // of a row
)

// pixel is a row as the page draws it.
type pixel struct {
	row
	X, Y, Width, TextY int
	Seconds            string
}

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"pixels":  pixels,
	"height":  func(b Boot) int { return len(b.rows())*svgHeight + 8 },
	"seconds": seconds,
}).Parse(page))

// HTML returns the content of report.html: one page that needs nothing else.
func (r *Report) HTML() ([]byte, error) {
	var out bytes.Buffer
	err := pageTemplate.Execute(&out, r)
	return markup.EscapeCommands(out.Bytes()), err
}

func pixels(b Boot) []pixel {
	var list []pixel
	scale := float64(svgWidth-svgNames-80) / float64(b.end())
	for i, r := range b.rows() {
		list = append(list, pixel{
			row: r, Y: i*svgHeight + 4, TextY: i*svgHeight + 19,
			X: svgNames + int(float64(r.From)*scale), Width: max(2, int(float64(r.length())*scale)),
			Seconds: seconds(r.length()),
		})
	}
	return list
}
