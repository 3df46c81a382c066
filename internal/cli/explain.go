package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/org/linuxkit-action/internal/build"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/verify"
	"github.com/spf13/cobra"
)

func newExplain() *cobra.Command {
	o := defaults()
	var only []string
	c := &cobra.Command{
		Use:   "explain MANIFEST…",
		Short: "print the effective settings of each entry and their sources",
		Long: "Explain reads the labels of the images and prints each setting in effect with its source: the manifest,\n" +
			"the label org.mobyproject.config, the image itself, or LinuxKit's default. It fetches the init images\n" +
			"to find out which PID 1 the system gets.",
		Args: needManifests,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := newPipeline(o, c.OutOrStdout(), c.ErrOrStderr())
			if err != nil {
				return err
			}
			verified, err := p.verified(c.Context(), args)
			if err != nil {
				return err
			}
			options, err := p.buildOptions(verified.Manifest())
			if err != nil {
				return err
			}
			explanation, err := build.Explain(c.Context(), verified, options)
			p.show.Close()
			if err != nil {
				return err
			}
			return explain(p.out, verified, explanation, only)
		},
	}
	c.Flags().StringArrayVar(&only, "entry", nil, "`NAME` of an entry to explain (repeatable; default the whole manifest)")
	o.initFlag(c)
	o.manifestFlags(c)
	o.fetchFlags(c)
	o.lockFlags(c)
	o.verifyFlags(c)
	return c
}

// explain prints the explanation, or the entries named by only.
func explain(w io.Writer, verified *verify.Verified, explanation *build.Explanation, only []string) error {
	if len(only) == 0 {
		explainSystem(w, verified.Manifest(), explanation)
	}
	shown := map[string]bool{}
	var names []string
	for _, e := range explanation.Entries {
		names = append(names, e.Name)
		if len(only) > 0 && !slices.Contains(only, e.Name) {
			continue
		}
		if len(only) == 0 || len(shown) > 0 {
			fmt.Fprintln(w)
		}
		shown[e.Name] = true
		fmt.Fprintf(w, "%s %s\n  %s\n", markup.Line(e.Section), markup.Line(e.Name), markup.Line(e.Image))
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, s := range e.Settings {
			fmt.Fprintf(table, "  %s\t%s\t%s\n", markup.Line(s.Key), markup.Line(s.From), markup.Printable(s.Value))
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	for _, name := range only {
		if !shown[name] {
			return fmt.Errorf("%w: --entry %s: the manifest has no such entry; use one of %s", errUsage, name, strings.Join(names, ", "))
		}
	}
	return nil
}

// explainSystem prints the settings that belong to no entry: kernel and PID 1.
func explainSystem(w io.Writer, m *manifest.Manifest, explanation *build.Explanation) {
	fmt.Fprintf(w, "%s\n", markup.Line(m.Name))
	if m.Kernel.Image != "" {
		fmt.Fprintf(w, "kernel\n  image    %s\n  binary   %s\n  tar      %s\n  cmdline  %s\n",
			markup.Line(string(m.Kernel.Image)), markup.Line(m.Kernel.BinaryName()),
			markup.Line(orNone(m.Kernel.TarName())), markup.Printable(orNone(m.KernelCmdline())))
	}
	fmt.Fprintf(w, "PID 1\n  %s\n", markup.Printable(explanation.Init))
	for _, improvement := range explanation.Improvements {
		fmt.Fprintf(w, "  with --init builtin: %s\n", markup.Printable(improvement))
	}
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
