package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// defaultRelease is the default folder of a release.
const defaultRelease = "release"

func newPublish() *cobra.Command {
	o := defaults()
	c := &cobra.Command{
		Use:   "publish DIR",
		Short: "sign the files and write the release folder",
		Long: "Publish copies the built files into a release folder, compares their digests with NAME-artifacts.json,\n" +
			"and adds SHA256SUMS and a Sigstore bundle for each file. It rejects a build with components that no\n" +
			"policy accepted.",
		Args: needOne("folder that build wrote"),
		RunE: func(c *cobra.Command, args []string) error {
			p, set, err := openBuild(o, c, args[0])
			if err != nil {
				return err
			}
			names, err := p.release(c.Context(), set, o.output)
			p.show.Close()
			if err != nil {
				return err
			}
			fmt.Fprintf(p.out, "released %s to %s:\n", set.Name, o.output)
			list(p.out, o.output, names)
			return nil
		},
	}
	o.output = defaultRelease
	c.Flags().StringVar(&o.output, "output", o.output, "`DIR` to write to")
	c.Flags().BoolVar(&o.allowUnverified, "allow-unverified", false,
		"release components that no policy accepted, and list them in NAME-artifacts.json")
	o.signFlags(c)
	o.progressFlag(c)
	return c
}
