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
	"github.com/org/linuxkit-action/internal/verify/report"
)

// removeReport removes verify.json of an earlier run, so that it is not taken for the
// result of a run that ends before verification.
func (p *pipeline) removeReport() error {
	if p.report == "" {
		return nil
	}
	err := os.Remove(p.reportFile())
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%w: --report: %w", errUsage, err)
}

// writeReport writes verify.json if a folder for reports is given.
func (p *pipeline) writeReport(ctx context.Context, verification *report.Report) error {
	if p.report == "" {
		return nil
	}
	content, err := verification.JSON()
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

// reportFile returns the path of verify.json.
func (p *pipeline) reportFile() string { return filepath.Join(p.report, report.File) }
