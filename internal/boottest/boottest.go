// Package boottest boots the files of a build and decides whether they work.
//
// Each format is booted in a QEMU of its own (package machine). The driver reads its
// console line by line (package console), polls its ports (package probe) and passes every
// event to a judge (package judge). The judge decides the verdict as soon as it is certain,
// from the records of PID 1 and the expectations of the user (package spec). Package report
// renders the result.
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
	ErrFailed  = errors.New("boot test") // an image was booted and is not ready
	ErrMachine = machine.ErrMachine      // no machine could be started
	ErrSpec    = strict.ErrInvalid       // the spec does not match the image
	ErrBuild   = artifacts.ErrUnreadable // a file is not the one that build wrote
)

// Options configure a test. A zero value leaves the setting to the spec.
type Options struct {
	Accel     machine.Accel // "": auto
	Timeout   time.Duration // of each boot; unlike the spec's it is not scaled without KVM
	Memory    int           // MiB
	CPUs      int
	ReportDir string    // is created if needed; "": no report
	Log       io.Writer // receives progress, one line per call; nil: none
}

// Run boots the formats of a build that the spec selects, one after another, and writes
// the report. If a boot is not ready, Run returns the report and an error that wraps
// ErrFailed and contains verdict, reason and remedy in one line.
func Run(ctx context.Context, set *artifacts.Set, s spec.Spec, o Options) (*report.Report, error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	s, err := resources(s, o, thisHost())
	if err != nil {
		return nil, err
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
	r := report.New(report.Image{Name: set.Name, Arch: set.Arch, Init: set.Init}, boots)
	if o.ReportDir != "" {
		if err := renameConsole(r, o.ReportDir); err != nil {
			return nil, err
		}
		if err := r.Write(o.ReportDir); err != nil {
			return nil, err
		}
	}
	return r, failure(r, o)
}

// failure returns the error for a report that is not ready, and logs the end of the
// console.
func failure(r *report.Report, o Options) error {
	if r.Verdict == judge.Ready {
		return nil
	}
	for _, l := range r.LastLines {
		fmt.Fprintf(o.Log, "| %s\n", console.EscapeCommands(l))
	}
	text := fmt.Sprintf("%s: %s: %s", r.Format, r.Verdict, r.Reason)
	if line := lastLine(r.Tail); line != "" {
		text += fmt.Sprintf("; last output: %q", line)
	}
	if r.Remedy != "" {
		text += "; " + r.Remedy
	}
	if r.Boot.Console != "" {
		text += "; console: " + filepath.Join(o.ReportDir, r.Boot.Console)
	} else {
		text += "; pass --report DIR to keep the console"
	}
	return fmt.Errorf("%w: %s", ErrFailed, console.EscapeCommands(text))
}

// maxLastLine limits the last output of the culprit in an error, in bytes.
const maxLastLine = 300

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	text = text[strings.LastIndexByte(text, '\n')+1:]
	return text[:min(len(text), maxLastLine)]
}
