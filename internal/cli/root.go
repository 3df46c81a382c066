package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const about = `linuxkit-action turns a LinuxKit manifest into a verified, reproducible,
boot-tested and signed image of an operating system.

    manifest ─► resolve ─► verify ─► assemble ─► boot-test ─► sign

Each command runs the line as far as its name says. No Docker daemon, no root.`

const examples = `  linuxkit-action check linuxkit.yml                    is it right?
  linuxkit-action explain linuxkit.yml                  what does each entry get, and from where?
  linuxkit-action lock linuxkit.yml                     fix what its tags mean
  linuxkit-action verify linuxkit.yml                   who signed the parts?
  linuxkit-action build linuxkit.yml --output out       make the image
  linuxkit-action test out                              does it boot, and do its services run?
  linuxkit-action publish out --key cosign.key          sign it for release`

const exitCodesHelp = `
Exit codes: 0 fine · 2 usage or manifest · 3 verification · 4 assembly
            5 boot test · 6 publish · 75 try again later
`

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
	root.AddCommand(newCheck(), newExplain(), newLock(), newVerify(), newBuild(), newTest(), newPublish())
	root.SetUsageTemplate(root.UsageTemplate() + exitCodesHelp)
	return root
}

// knownCommand refuses a command that there is not, and says which was meant.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	meant := ""
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		meant = fmt.Sprintf("; did you mean %s?", strings.Join(near, " or "))
	}
	return fmt.Errorf("%w: there is no command %q%s; see %s --help", errUsage, args[0], meant, c.CommandPath())
}

// needManifests refuses a command line without a manifest.
func needManifests(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: which manifest? try: %s linuxkit.yml", errUsage, c.CommandPath())
	}
	return nil
}

// needOne refuses anything but one argument.
func needOne(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%w: %s needs one %s, and got %d", errUsage, c.CommandPath(), what, len(args))
		}
		return nil
	}
}
