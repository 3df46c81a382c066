package cli

import (
	"errors"

	"github.com/org/linuxkit-action/internal/verify"
	"github.com/org/linuxkit-action/internal/verify/report"
	"github.com/spf13/cobra"
)

func newVerify() *cobra.Command {
	o := defaults()
	c := &cobra.Command{
		Use:   "verify MANIFEST…",
		Short: "resolve components and verify their signatures",
		Long: "Verify resolves each reference and verifies the signatures that the policy requires.\n" +
			"It fetches no layers.",
		Args: needManifests,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := newPipeline(o, c.OutOrStdout(), c.ErrOrStderr())
			if err != nil {
				return err
			}
			verified, err := p.verified(c.Context(), args)
			p.show.Close()
			if verification := verify.ReportOf(verified, err); verification != nil {
				err = errors.Join(err, verification.WriteTable(p.out))
			}
			return err
		},
	}
	o.manifestFlags(c)
	o.fetchFlags(c)
	o.lockFlags(c)
	o.verifyFlags(c)
	c.Flags().StringVar(&o.report, "report", "", "`DIR` for the report, "+report.File)
	return c
}
