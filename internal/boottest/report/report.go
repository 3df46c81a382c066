// Package report renders the result of a boot test: report.json and junit.xml for
// programs, summary.md, report.html and a summary on the terminal for people.
//
// Report is the model; report.json is its encoding. The functions in sections.go derive
// from it a list of sections, which are data without markup, and every other renderer
// walks that list. So a new section needs no change of a renderer.
//
// Much of the text comes from the guest, which is not trusted: each renderer escapes all
// of it for its format.
package report

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/org/linuxkit-action/internal/boottest/judge"
	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/workspace"
)

// Version is the version of report.json.
const Version = 1

// Report is the content of report.json. The embedded Boot is the decisive one: the first
// that is not ready, or else the first.
type Report struct {
	Version int `json:"version"`
	Image
	Boot
	Boots []Boot `json:"boots"` // one for each format
}

// Image describes the build whose files were booted.
type Image struct {
	Name string `json:"name"`
	Arch string `json:"arch"`
	Init string `json:"init"` // "builtin", or the reference of the image that contains it
}

// Boot is the result of booting one format.
type Boot struct {
	Format      string `json:"format"`
	Accelerator string `json:"accelerator"` // kvm or tcg; "": not booted
	judge.Outcome
	Notes     []string `json:"notes"`
	Console   string   `json:"console,omitempty"` // file name of the console log, in the folder of the report
	LastLines []string `json:"lastLines"`         // of the console
}

// endMS returns the end of the boot, in milliseconds since power-on.
func (b Boot) endMS() int64 {
	if len(b.Stages) == 0 {
		return 0
	}
	return b.Stages[len(b.Stages)-1].ToMS
}

// New returns the report on at least one boot of an image.
func New(image Image, boots []Boot) *Report {
	r := &Report{Version: Version, Image: image, Boot: boots[0], Boots: boots}
	for _, b := range boots {
		if b.Verdict != judge.Ready {
			r.Boot = b
			break
		}
	}
	return r
}

// files are the files of a report.
var files = []struct {
	name   string
	render func(*Report) ([]byte, error)
}{
	{"report.json", (*Report).JSON},
	{"junit.xml", (*Report).JUnit},
	{"summary.md", (*Report).Markdown},
	{"report.html", (*Report).HTML},
}

// Console is the file name of the console log of the decisive boot.
const Console = "console.log"

// Prepare creates dir if needed and removes the report of an earlier run, which must not
// be mistaken for that of a run that fails.
func Prepare(dir string) error {
	err := workspace.Remove(filepath.Join(dir, Console))
	for _, f := range files {
		err = errors.Join(err, workspace.Remove(filepath.Join(dir, f.name)))
	}
	if err != nil {
		return fmt.Errorf("boot-test report: %w", err)
	}
	return nil
}

// Write writes the files of the report into dir.
func (r *Report) Write(dir string) error {
	for _, f := range files {
		content, err := f.render(r)
		if err == nil {
			err = workspace.WriteFile(filepath.Join(dir, f.name), content)
		}
		if err != nil {
			return fmt.Errorf("boot-test report %s: %w", f.name, err)
		}
	}
	return nil
}

// JSON returns the content of report.json.
func (r *Report) JSON() ([]byte, error) { return markup.JSON(r) }
