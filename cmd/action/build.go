package main

import (
	"github.com/spf13/cobra"
)

func newBuild() *cobra.Command {
	o := defaults()
	c := &cobra.Command{
		Use:   "build MANIFEST…",
		Short: "verify, fetch and assemble",
		Long:  "Build writes the image's files and NAME-artifacts.json, which says what they are and what is in\nthem. The same input gives the same bytes, on any machine.",
		Args:  needManifests,
		RunE: func(c *cobra.Command, args []string) error {
			l, err := newLine(o, c.OutOrStdout(), c.ErrOrStderr())
			if err != nil {
				return err
			}
			set, err := l.built(c.Context(), args)
			l.show.Close()
			if err != nil {
				return err
			}
			return writeSizes(l.out, set)
		},
	}
	o.fetchFlags(c)
	o.verifyFlags(c)
	o.buildFlags(c)
	return c
}
