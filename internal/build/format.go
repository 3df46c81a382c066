package build

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/progress"
)

// Format is one kind of output. A new one is a line in formats.
type Format struct {
	Name       string
	Streamable bool // as LinuxKit's: its one file may go down a pipe
	Files      []Output
}

// Output is one file of a format.
type Output struct {
	Kind   string
	Suffix string // behind the name of the build
	Write  func(w io.Writer, p *product) error
	Want   func(s *System) bool
}

var formats = []Format{
	{"kernel+initrd", false, []Output{
		{artifacts.KindKernel, "-kernel", writeKernel, hasKernel},
		{artifacts.KindInitrd, "-initrd.img", writeInitrd, always},
		{artifacts.KindCmdline, "-cmdline", writeCmdline, hasCmdline},
	}},
	{"tar-kernel-initrd", false, []Output{{artifacts.KindInitrdTar, "-initrd.tar", writeInitrdTar, always}}},
	{"tar", true, []Output{{artifacts.KindTar, ".tar", writeTar, always}}},
	{"docker", true, []Output{{artifacts.KindDocker, ".docker", writeDocker, always}}},
}

// Formats returns the names of all formats.
func Formats() []string { return names(formats) }

// Streamable returns the names of the formats that Stream writes.
func Streamable() []string {
	return names(slices.DeleteFunc(slices.Clone(formats), func(f Format) bool { return !f.Streamable }))
}

func names(list []Format) []string {
	var names []string
	for _, f := range list {
		names = append(names, f.Name)
	}
	return names
}

// chooseFormats finds formats by name, each once, in the order given.
func chooseFormats(names []string) ([]Format, error) {
	var chosen []Format
	for _, name := range names {
		i := slices.IndexFunc(formats, func(f Format) bool { return f.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("%w: there is no format %q; there are: %s", ErrUsage, name, strings.Join(Formats(), ", "))
		}
		if !slices.ContainsFunc(chosen, func(f Format) bool { return f.Name == name }) {
			chosen = append(chosen, formats[i])
		}
	}
	return chosen, nil
}

func always(*System) bool       { return true }
func hasKernel(s *System) bool  { return s.Kernel != nil }
func hasCmdline(s *System) bool { return s.Cmdline != "" }

func writeKernel(w io.Writer, p *product) error {
	_, err := io.Copy(w, p.Kernel.Open())
	return err
}

func writeCmdline(w io.Writer, p *product) error {
	_, err := io.WriteString(w, p.Cmdline)
	return err
}

// write makes every file of every format appear in the output folder.
func write(ctx context.Context, s *System, chosen []Format, attested sboms, opts Options) (*artifacts.Set, error) {
	folder, err := artifacts.OpenFolder(opts.Output, opts.Name)
	if err != nil {
		return nil, err
	}
	defer folder.Abandon()
	p := &product{System: s, ctx: ctx, opts: opts}
	set := artifacts.New(opts.Output, opts.Name)
	set.Arch, set.Init, set.Components = s.Arch, s.Init, s.Components
	for _, format := range chosen {
		for _, output := range format.Files {
			if !output.Want(s) {
				continue
			}
			base := opts.Name + output.Suffix
			file, err := folder.Add(ctx, base, opts.Report.Begin(base, 0), func(w io.Writer) error { return output.Write(w, p) })
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", format.Name, base, err)
			}
			file.Format, file.Kind = format.Name, output.Kind
			set.Files = append(set.Files, file)
		}
	}
	if err := attested.add(ctx, folder, set, opts); err != nil {
		return nil, err
	}
	return set, writeList(ctx, folder, set)
}

// writeList adds the artifacts file and lets everything appear.
func writeList(ctx context.Context, folder *artifacts.Folder, set *artifacts.Set) error {
	list, err := set.JSON()
	if err != nil {
		return err
	}
	base := set.Name + artifacts.Suffix
	_, err = folder.Add(ctx, base, progress.Silent().Begin(base, 0), func(w io.Writer) error {
		_, err := w.Write(list)
		return err
	})
	if err != nil {
		return err
	}
	return folder.Commit(base)
}
