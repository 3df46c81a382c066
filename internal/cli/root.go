package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const about = `linuxkit-action turns a LinuxKit manifest into a verified, reproducible,
boot-tested and signed image of an operating system.

    manifest ─► resolve ─► verify ─► assemble ─► boot-test ─► sign

Each command runs these steps up to its own. It needs neither a Docker daemon nor root.`

const examples = `  linuxkit-action check linuxkit.yml                    find mistakes in the manifest
  linuxkit-action explain linuxkit.yml                  print each setting and its source
  linuxkit-action lock linuxkit.yml                     pin tags to digests
  linuxkit-action verify linuxkit.yml                   verify the signatures of the components
  linuxkit-action build linuxkit.yml --output out       build the image
  linuxkit-action test out                              boot the image and check its services
  linuxkit-action publish out --key cosign.key          sign the image for release`

const exitCodesHelp = `
Exit codes: 0 success · 2 usage or manifest · 3 verification · 4 assembly
            5 boot test · 6 publish · 75 temporary failure, retry
`

// newRoot returns the command line with all commands.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "linuxkit-action",
		Long:          about,
		Example:       examples,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.SetVersionTemplate("linuxkit-action {{.Version}}\n")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w; see %s --help", errUsage, err, c.CommandPath())
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Hidden: true})
	root.AddCommand(newCheck(), newExplain(), newLock(), newVerify(), newBuild(), newTest(), newPublish(), newPolicy())
	root.SetUsageTemplate(root.UsageTemplate() + exitCodesHelp)
	return root
}

// knownCommand rejects an unknown command and suggests a similar one.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	meant := ""
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		meant = fmt.Sprintf("; did you mean %s?", strings.Join(near, " or "))
	}
	return fmt.Errorf("%w: unknown command %q%s; see %s --help", errUsage, args[0], meant, c.CommandPath())
}

// needManifests requires at least one manifest.
func needManifests(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: no manifest; name one: %s linuxkit.yml", errUsage, c.CommandPath())
	}
	return nil
}

// needOne requires exactly one argument; what describes it.
func needOne(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%w: %s takes one %s, got %d arguments", errUsage, c.CommandPath(), what, len(args))
		}
		return nil
	}
}
