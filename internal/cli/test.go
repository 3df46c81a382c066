package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newTest() *cobra.Command {
	o := defaults()
	c := &cobra.Command{
		Use:   "test DIR|FILE",
		Short: "boot-test what build made",
		Long: "Test boots the image under QEMU and watches its serial console: every onboot container must end\n" +
			"well, every service become ready and stay up, and the system must go down when it is asked to.",
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
