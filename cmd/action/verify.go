package main

import "github.com/spf13/cobra"

func newVerify() *cobra.Command {
	o := defaults()
	c := &cobra.Command{
		Use:   "verify MANIFEST…",
		Short: "resolve and verify every component",
		Long:  "Verify asks the registries what each reference is, and the policy who must have signed it.\nNo layer is fetched.",
		Args:  needManifests,
		RunE: func(c *cobra.Command, args []string) error {
			l, err := newLine(o, c.OutOrStdout(), c.ErrOrStderr())
			if err != nil {
				return err
			}
			verified, err := l.verified(c.Context(), args)
			l.show.Close()
			if err != nil {
				return err
			}
			return verified.WriteTable(l.out)
		},
	}
	o.manifestFlags(c)
	o.fetchFlags(c)
	o.lockFlags(c)
	o.verifyFlags(c)
	return c
}
