package build

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/progress"
)

// product is what the outputs of one build are written from: the system, and the
// intermediate results that several outputs share. Each of these is made once, on first
// use.
type product struct {
	*System
	opts       Options
	initrdFile *tree.Inode // the compressed root, without microcode
}

// writeOutputs writes every file of the formats into the output folder.
func writeOutputs(ctx context.Context, s *System, chosen []Format, attested sboms, opts Options) (*artifacts.Set, error) {
	folder, err := artifacts.OpenFolder(opts.Output, opts.Name)
	if err != nil {
		return nil, err
	}
	defer folder.Abandon()
	p := &product{System: s, opts: opts}
	set := artifacts.New(opts.Output, opts.Name)
	set.Arch, set.Init, set.Components = s.Arch, s.Init, s.Components
	for _, format := range chosen {
		if err := p.writeFormat(ctx, folder, set, format); err != nil {
			return nil, fmt.Errorf("%s: %w", format.Name, err)
		}
	}
	if err := attested.add(ctx, folder, set, opts); err != nil {
		return nil, err
	}
	return set, commit(ctx, folder, set)
}

func (p *product) writeFormat(ctx context.Context, folder *artifacts.Folder, set *artifacts.Set, format Format) error {
	for _, output := range format.Outputs {
		part, missing := output.lacks(p.System)
		if missing && output.Optional {
			continue
		}
		base := p.opts.Name + output.Suffix
		if file, written := set.FindPath(base); written {
			file.Format = format.Name // another format has written it
			set.Files = append(set.Files, file)
			continue
		}
		if missing {
			return fmt.Errorf("%s: the system has no %s; add a kernel to the manifest, or build another format", base, part)
		}
		file, err := p.writeOutput(ctx, folder, base, format, output)
		if err != nil {
			return fmt.Errorf("%s: %w", base, err)
		}
		file.Format, file.Kind = format.Name, output.Kind
		set.Files = append(set.Files, file)
	}
	return nil
}

func (p *product) writeOutput(
	ctx context.Context, folder *artifacts.Folder, base string, format Format, output Output,
) (artifacts.File, error) {
	task := p.opts.Report.Begin(base, 0)
	if output.File != nil {
		return folder.AddFile(ctx, base, task, func(f *os.File) error {
			return output.File(ctx, &DiskFile{File: f, rule: format.Size, requested: p.opts.Size, budget: p.opts.Budget}, p)
		})
	}
	return folder.Add(ctx, base, task, func(w io.Writer) error { return output.Stream(ctx, p.opts.Budget.Writer(w), p) })
}

// commit adds the artifacts file and moves all files into the output folder.
func commit(ctx context.Context, folder *artifacts.Folder, set *artifacts.Set) error {
	list, err := set.JSON()
	if err != nil {
		return err
	}
	base := set.Name + artifacts.Suffix
	if _, err := folder.Add(ctx, base, progress.Silent().Begin(base, 0), writeBytes(list)); err != nil {
		return err
	}
	return folder.Commit(base)
}

func writeBytes(content []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	}
}

// cancelWriter fails once the run is cancelled.
type cancelWriter struct {
	cancelled func() error
	w         io.Writer
}

func newCancelWriter(ctx context.Context, w io.Writer) io.Writer {
	return &cancelWriter{cancelled: ctx.Err, w: w}
}

func (c *cancelWriter) Write(b []byte) (int, error) {
	if err := c.cancelled(); err != nil {
		return 0, err
	}
	return c.w.Write(b)
}
