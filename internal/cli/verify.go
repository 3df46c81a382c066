package cli

import (
	"errors"

	"github.com/org/linuxkit-action/internal/verify"
	"github.com/spf13/cobra"
)

func newVerify() *cobra.Command {
	o := defaults()
	c := &cobra.Command{
		Use:   "verify MANIFEST…",
		Short: "resolve and verify every component",
		Long:  "Verify asks the registries what each reference is, and the policy who must have signed it.\nNo layer is fetched.",
		Args:  needManifests,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := newPipeline(o, c.OutOrStdout(), c.ErrOrStderr())
			if err != nil {
				return err
			}
			verified, err := p.verified(c.Context(), args)
			p.show.Close()
			if report := verify.ReportOf(verified, err); report != nil {
				err = errors.Join(err, report.WriteTable(p.out))
			}
			return err
		},
	}
	o.manifestFlags(c)
	o.fetchFlags(c)
	o.lockFlags(c)
	o.verifyFlags(c)
	c.Flags().StringVar(&o.report, "report", "", "`DIR` for the report: "+verify.ReportFile)
	return c
}
