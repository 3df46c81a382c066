package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/progress"
	"github.com/org/linuxkit-action/internal/verify"
)

// forgetReport removes the report of an earlier run: it must not be taken for one of this
// run, should this one not come to a verdict.
func (p *pipeline) forgetReport() error {
	if p.report == "" {
		return nil
	}
	err := os.Remove(p.reportFile())
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%w: --report: %w", errUsage, err)
}

// writeReport writes what verification found, where that is wanted.
func (p *pipeline) writeReport(ctx context.Context, report *verify.Report) error {
	if p.report == "" {
		return nil
	}
	content, err := report.JSON()
	if err != nil {
		return err
	}
	err = artifacts.WriteFile(ctx, p.reportFile(), progress.Silent().Begin("", 0), func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: --report: %w", errUsage, err)
	}
	return nil
}

func (p *pipeline) reportFile() string { return filepath.Join(p.report, verify.ReportFile) }
