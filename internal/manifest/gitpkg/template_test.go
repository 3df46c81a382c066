package gitpkg

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestExpandsTags(t *testing.T) {
	t.Parallel()
	const hash = "0123456789abcdef"
	for tag, want := range map[string]string{
		"{{.Hash}}": hash, "v1-{{ .Hash }}-x": "v1-" + hash + "-x", "{{slice .Hash 0 7}}": "0123456",
		`{{printf "%.4s" .Hash}}`: "0123", `{{.Hash | printf "%.8s"}}`: "01234567", "": "", "{{/* note */}}1": "1",
	} {
		if got, err := expand(tag, hash); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", tag, got, err, want)
		}
	}
}

// TestRejectsTagsThatGrow: each is below 2 KiB and would take gigabytes of memory or never
// end.
func TestRejectsTagsThatGrow(t *testing.T) {
	t.Parallel()
	var variables, nested strings.Builder
	variables.WriteString(`{{$a0 := "xxxxxxxxxxxxxxxx"}}`)
	for i := range 28 {
		fmt.Fprintf(&variables, `{{$a%d := print $a%d $a%[2]d}}`, i+1, i)
		nested.WriteString(`printf "%[1]s%[1]s" (`)
	}
	for name, tag := range map[string]string{
		"28 doublings":         variables.String() + "{{$a28}}",
		"2 doublings":          `{{$a := "x"}}{{$b := print $a $a}}{{$b}}`,
		"nested calls":         "{{" + nested.String() + ".Hash" + strings.Repeat(")", 28) + "}}",
		"piped doublings":      "{{.Hash" + strings.Repeat(` | printf "%[1]s%[1]s"`, 8) + "}}",
		"wide format":          `{{printf "%999999s" .Hash}}`,
		"width as argument":    `{{printf "%*s" 999999 .Hash}}`,
		"endless range":        "{{range $i := 1000000000}}x{{end}}",
		"recursive template":   `{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`,
		"definition":           `{{define "a"}}x{{end}}`,
		"other function":       "{{print .Hash .Hash}}",
		"long text":            strings.Repeat("x", 300),
		"conditional doubling": `{{if .Hash}}{{.Hash}}{{end}}`,
	} {
		start := time.Now()
		if got, err := expand(tag, "hash"); err == nil || time.Since(start) > 30*time.Second {
			t.Errorf("%s: %.40q, %v in %v", name, got, err, time.Since(start))
		}
	}
}
