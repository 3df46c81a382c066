package cli

import (
	"context"

	"github.com/spf13/cobra"
)

func newBuild() *cobra.Command {
	o := defaults()
	c := &cobra.Command{
		Use:   "build MANIFEST…",
		Short: "verify and fetch components, assemble the image",
		Long: "Build writes the files of the image, and NAME-artifacts.json, which lists them and their components.\n" +
			"The same input gives the same bytes on every machine.",
		Args: needManifests,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := newPipeline(o, c.OutOrStdout(), c.ErrOrStderr())
			if err != nil {
				return err
			}
			if o.dryRun {
				return p.showMerged(c.Context(), args)
			}
			if o.stream != "" {
				defer p.show.Close()
				return p.streamed(c.Context(), args)
			}
			set, err := p.built(c.Context(), args)
			p.show.Close()
			if err != nil {
				return err
			}
			return writeSizes(p.out, set)
		},
	}
	o.manifestFlags(c)
	o.fetchFlags(c)
	o.lockFlags(c)
	o.verifyFlags(c)
	o.buildFlags(c)
	return c
}

// showMerged prints the merged manifests.
func (p *pipeline) showMerged(ctx context.Context, paths []string) error {
	m, err := p.load(ctx, paths)
	if err != nil {
		return err
	}
	text, err := m.YAML()
	if err != nil {
		return err
	}
	_, err = p.out.Write(text)
	return err
}
