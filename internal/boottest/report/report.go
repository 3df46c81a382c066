// Package report tells how a boot test went: to programs (report.json, junit.xml), to
// people (summary.md, report.html, a timeline for the terminal).
//
// Much of the text comes from the guest, which is not trusted: each writer escapes
// all of it for its own format.
package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/org/linuxkit-action/internal/atomicfile"
	"github.com/org/linuxkit-action/internal/boottest/judge"
	"github.com/org/linuxkit-action/internal/markup"
)

// Version is the version of report.json.
const Version = 1

// Report is the content of report.json. The fields of Boot, at the top, are those of
// the boot that decides: the first that did not become ready, else the first.
type Report struct {
	Version int    `json:"version"`
	Name    string `json:"name"`
	Arch    string `json:"arch"`
	Init    string `json:"init"`
	Boot
	Boots []Boot `json:"boots"` // one for each format
}

// Boot is one format, booted.
type Boot struct {
	Format      string `json:"format"`
	Accelerator string `json:"accelerator"` // kvm or tcg
	judge.Outcome
	Notes     []string `json:"notes"`
	Console   string   `json:"console,omitempty"` // file name of the log, beside the report
	LastLines []string `json:"last_lines"`        // of the console
}

// New returns the report of boots, of which there is at least one.
func New(name, arch, init string, boots []Boot) *Report {
	r := &Report{Version: Version, Name: name, Arch: arch, Init: init, Boot: boots[0], Boots: boots}
	for _, b := range boots {
		if b.Verdict != judge.Ready {
			r.Boot = b
			break
		}
	}
	return r
}

// forms are the files of a report.
var forms = []struct {
	name   string
	render func(*Report) ([]byte, error)
}{
	{"report.json", (*Report).JSON},
	{"junit.xml", (*Report).JUnit},
	{"summary.md", (*Report).Markdown},
	{"report.html", (*Report).HTML},
}

// Console is the name of the log of the boot that decides.
const Console = "console.log"

// Prepare makes dir if needed, and removes the report of an earlier run: it must not
// be taken for one of this run, should this one not come to its end.
func Prepare(dir string) error {
	err := os.MkdirAll(dir, 0o755)
	for _, f := range forms {
		err = errors.Join(err, removeOld(filepath.Join(dir, f.name)))
	}
	if err = errors.Join(err, removeOld(filepath.Join(dir, Console))); err != nil {
		return fmt.Errorf("boot-test report: %w", err)
	}
	return nil
}

func removeOld(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Write writes all forms of the report into dir.
func (r *Report) Write(dir string) error {
	for _, f := range forms {
		content, err := f.render(r)
		if err == nil {
			err = atomicfile.WriteFile(filepath.Join(dir, f.name), content, 0o644)
		}
		if err != nil {
			return fmt.Errorf("boot-test report %s: %w", f.name, err)
		}
	}
	return nil
}

// JSON returns the content of report.json.
func (r *Report) JSON() ([]byte, error) { return markup.JSON(r) }

// seconds writes milliseconds as people read them.
func seconds(ms int64) string {
	return fmt.Sprintf("%.2f s", time.Duration(ms*int64(time.Millisecond)).Seconds())
}
