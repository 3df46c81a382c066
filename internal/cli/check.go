package cli

import (
	"fmt"

	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/markup"
	"github.com/spf13/cobra"
)

func newCheck() *cobra.Command {
	o := defaults()
	c := &cobra.Command{
		Use:   "check MANIFEST…",
		Short: "parse and validate manifests, without a network",
		Long: "Check reads and merges the manifests and reports every mistake with file, line and column.\n" +
			"It uses no network. The manifest \"-\" is standard input.",
		Args: needManifests,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := newPipeline(o, c.OutOrStdout(), c.ErrOrStderr())
			if err != nil {
				return err
			}
			m, err := p.load(c.Context(), args)
			if err != nil {
				return err
			}
			fmt.Fprintf(p.out, "%s: valid (%s)\n", markup.Line(m.Name), contents(m))
			return nil
		},
	}
	o.manifestFlags(c)
	return c
}

// contents returns the number of entries of each section.
func contents(m *manifest.Manifest) string {
	kernel := "no kernel"
	if m.Kernel.Image != "" {
		kernel = "a kernel"
	}
	return fmt.Sprintf("%s, %d init, %d onboot, %d onshutdown, %d services, %d files",
		kernel, len(m.Init), len(m.Onboot), len(m.Onshutdown), len(m.Services), len(m.Files))
}
