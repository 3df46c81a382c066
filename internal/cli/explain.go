package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/org/linuxkit-action/internal/build"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/verify"
	"github.com/spf13/cobra"
)

func newExplain() *cobra.Command {
	o := defaults()
	var only []string
	c := &cobra.Command{
		Use:   "explain MANIFEST…",
		Short: "effective settings of every entry, and where each came from",
		Long: "Explain asks the registries for the images' labels and shows, field by field, what is in effect:\n" +
			"from the manifest, the label org.mobyproject.config, the image itself, or LinuxKit's default.\n" +
			"To tell whose PID 1 the system gets, it looks into the init images.",
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
			told, err := build.Explain(c.Context(), verified, options)
			p.show.Close()
			if err != nil {
				return err
			}
			return explain(p.out, verified, told, only)
		},
	}
	c.Flags().StringArrayVar(&only, "entry", nil, "`NAME` of an entry to explain (repeatable; default all, and the rest of the manifest)")
	c.Flags().StringVar(&o.init, "init", o.init, "whose PID 1: `auto|builtin|manifest`")
	o.manifestFlags(c)
	o.fetchFlags(c)
	o.lockFlags(c)
	o.verifyFlags(c)
	return c
}

// explain writes what there is to tell, or of it what names one of the entries.
func explain(w io.Writer, verified *verify.Verified, told *build.Explanation, only []string) error {
	if len(only) == 0 {
		explainSystem(w, verified.Manifest(), told)
	}
	shown := map[string]bool{}
	var names []string
	for _, e := range told.Entries {
		names = append(names, e.Name)
		if len(only) > 0 && !slices.Contains(only, e.Name) {
			continue
		}
		if len(only) == 0 || len(shown) > 0 {
			fmt.Fprintln(w)
		}
		shown[e.Name] = true
		fmt.Fprintf(w, "%s %s\n  %s\n", e.Section, e.Name, e.Image)
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, s := range e.Settings {
			fmt.Fprintf(table, "  %s\t%s\t%s\n", s.Key, s.From, s.Value)
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	for _, name := range only {
		if !shown[name] {
			return fmt.Errorf("%w: --entry %s: no entry is called so; there are %s", errUsage, name, strings.Join(names, ", "))
		}
	}
	return nil
}

func explainSystem(w io.Writer, m *manifest.Manifest, told *build.Explanation) {
	fmt.Fprintf(w, "%s\n", m.Name)
	if m.Kernel.Image != "" {
		fmt.Fprintf(w, "kernel\n  image    %s\n  binary   %s\n  tar      %s\n  cmdline  %s\n", m.Kernel.Image, m.Kernel.BinaryName(), orNone(m.Kernel.TarName()), orNone(m.KernelCmdline()))
	}
	fmt.Fprintf(w, "PID 1\n  %s\n", told.Init)
	for _, improvement := range told.Improvements {
		fmt.Fprintf(w, "  with --init builtin: %s\n", improvement)
	}
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
