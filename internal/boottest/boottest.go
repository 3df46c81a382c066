// Package boottest boots what build made and says whether it works.
//
// Each format is booted in a QEMU of its own (package machine). Its console is read
// line by line (package console), its ports are asked (package probe), and a judge
// (package judge) decides, by the proof that PID 1 puts on the console and by what
// the user expects (package spec), as soon as the verdict is certain. The story is
// told by package report.
package boottest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/boottest/judge"
	"github.com/org/linuxkit-action/internal/boottest/machine"
	"github.com/org/linuxkit-action/internal/boottest/report"
	"github.com/org/linuxkit-action/internal/boottest/spec"
	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Errors of Run.
var (
	ErrFailed  = errors.New("boot test") // the image was booted, and is not ready
	ErrMachine = machine.ErrMachine      // there is nothing to boot it on
	ErrSpec    = strict.ErrInvalid       // the spec and the image do not fit
	ErrBuild   = artifacts.ErrUnreadable // the files are not those that build made
)

// Options say how to test. The zero value of each leaves it to the spec.
type Options struct {
	Accel     machine.Accel // "": auto
	Timeout   time.Duration // of each boot; unlike the spec's it is not scaled without KVM
	Memory    int           // MiB
	CPUs      int
	ReportDir string    // made if needed; "": no report is written
	Log       io.Writer // gets progress, one line at a time; nil: none
}

// Run boots the formats of a build that the spec asks for, one after another, and
// writes the report. When a boot is not ready the report is there as well, and the
// error wraps ErrFailed and tells verdict, reason and remedy in one line.
func Run(ctx context.Context, set *artifacts.Set, s spec.Spec, o Options) (*report.Report, error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	formats, notes, err := plan(set, s)
	if err != nil {
		return nil, err
	}
	if o.ReportDir != "" {
		if err := report.Prepare(o.ReportDir); err != nil {
			return nil, err
		}
	}
	var boots []report.Boot
	for _, f := range formats {
		b, err := bootFormat(ctx, set, f, s, o)
		if err != nil {
			return nil, fmt.Errorf("boot test of %s: %w", f, err)
		}
		b.Notes = append(b.Notes, notes...)
		boots = append(boots, b)
	}
	r := report.New(set.Name, set.Arch, set.Init, boots)
	if o.ReportDir != "" {
		if err := finishReport(r, o.ReportDir); err != nil {
			return nil, err
		}
	}
	return r, failure(r, o)
}

// maxWords bounds what of a culprit's last words goes into an error.
const maxWords = 300

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	text = text[strings.LastIndexByte(text, '\n')+1:]
	return text[:min(len(text), maxWords)]
}

// failure returns the error for a report that is not ready, and shows the end of the
// console.
func failure(r *report.Report, o Options) error {
	if r.Verdict == judge.Ready {
		return nil
	}
	for _, l := range r.LastLines {
		fmt.Fprintf(o.Log, "| %s\n", console.EscapeCommands(l))
	}
	text := fmt.Sprintf("%s: %s: %s", r.Format, r.Verdict, r.Reason)
	if words := lastLine(r.Tail); words != "" {
		text += fmt.Sprintf("; its last words: %q", words)
	}
	if r.Remedy != "" {
		text += "; " + r.Remedy
	}
	if r.Boot.Console != "" {
		text += "; the console is in " + filepath.Join(o.ReportDir, r.Boot.Console)
	} else {
		text += "; --report DIR keeps the console"
	}
	return fmt.Errorf("%w: %s", ErrFailed, console.EscapeCommands(text))
}
