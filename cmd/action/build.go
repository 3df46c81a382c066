package main

import (
	"context"

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
			if o.dryRun {
				return l.showMerged(c.Context(), args)
			}
			if o.stream != "" {
				defer l.show.Close()
				return l.streamed(c.Context(), args)
			}
			set, err := l.built(c.Context(), args)
			l.show.Close()
			if err != nil {
				return err
			}
			return writeSizes(l.out, set)
		},
	}
	o.manifestFlags(c)
	o.fetchFlags(c)
	o.lockFlags(c)
	o.verifyFlags(c)
	o.buildFlags(c)
	return c
}

// showMerged shows what would be built: the manifests, merged.
func (l *line) showMerged(ctx context.Context, paths []string) error {
	m, err := l.load(ctx, paths)
	if err != nil {
		return err
	}
	text, err := m.YAML()
	if err != nil {
		return err
	}
	_, err = l.out.Write(text)
	return err
}
