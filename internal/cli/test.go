package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newTest() *cobra.Command {
	o := defaults()
	c := &cobra.Command{
		Use:   "test DIR|FILE",
		Short: "boot the image and check its services",
		Long: "Test boots the image under QEMU and reads its serial console: every onboot container must exit with 0,\n" +
			"every service must become ready and stay up, and the system must power off on request.",
		Args: needOne("folder or file that build wrote"),
		RunE: func(c *cobra.Command, args []string) error {
			p, set, err := openBuild(o, c, args[0])
			if err != nil {
				return err
			}
			report, err := p.boot(c.Context(), set)
			p.show.Close()
			if report != nil {
				fmt.Fprint(p.out, report.Terminal())
			}
			return err
		},
	}
	o.testFlags(c)
	o.progressFlag(c)
	return c
}
