package cli

import (
	"fmt"
	"path/filepath"

	"github.com/org/linuxkit-action/internal/verify/report"
	"github.com/org/linuxkit-action/internal/workspace"
)

// removeReport removes verify.json of an earlier run, so that it is not taken for the
// result of a run that ends before verification.
func (p *pipeline) removeReport() error {
	if p.report == "" {
		return nil
	}
	if err := workspace.Remove(p.reportFile()); err != nil {
		return fmt.Errorf("%w: --report: %w", errUsage, err)
	}
	return nil
}

// writeReport writes verify.json if a folder for reports is given.
func (p *pipeline) writeReport(verification *report.Report) error {
	if p.report == "" {
		return nil
	}
	content, err := verification.JSON()
	if err != nil {
		return err
	}
	if err := workspace.WriteFile(p.reportFile(), content); err != nil {
		return fmt.Errorf("%w: --report: %w", errUsage, err)
	}
	return nil
}

// reportFile returns the path of verify.json.
func (p *pipeline) reportFile() string { return filepath.Join(p.report, report.File) }
