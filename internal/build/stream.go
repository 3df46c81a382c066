package build

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/org/linuxkit-action/internal/build/tarball"
	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/verify"
)

// Stream builds the system as Assemble does, and writes it to w in the one format of
// opts, which must be one of PipeFormats. Temporary files are created in the output
// folder.
func Stream(ctx context.Context, verified *verify.Verified, w io.Writer, opts Options) error {
	chosen, err := chooseFormats(verified.Arch(), opts)
	if err != nil {
		return err
	}
	if len(chosen) != 1 || !chosen[0].Pipe {
		return fmt.Errorf("%w: --o cannot write %s; it writes one of %s", ErrUsage,
			strings.Join(opts.Formats, ", "), strings.Join(PipeFormats(), ", "))
	}
	return withSystem(ctx, verified, opts, func(s *System) error {
		return chosen[0].Outputs[0].Stream(ctx, newCancelWriter(ctx, w), &product{System: s, opts: opts})
	})
}

// writeTar writes the system as LinuxKit hands it from step to step: the root file
// system, and before it /boot.
func writeTar(_ context.Context, w io.Writer, p *product) error {
	archive := tarball.NewWriter(w)
	if err := p.archive(archive); err != nil {
		return err
	}
	return archive.Close()
}

func (p *product) archive(w *tarball.Writer) error {
	if err := w.Tree(p.Boot); err != nil {
		return err
	}
	return w.Tree(p.Root)
}

// dockerfile makes a container image of the archive it lies in.
const dockerfile = `FROM scratch
COPY . /
ENTRYPOINT ["%s"]
`

// stockEntry is what the kernel runs first in linuxkit/init, behind its /init.
const stockEntry = "/bin/rc.init"

// writeDocker writes that archive as the context of a docker build.
func writeDocker(_ context.Context, w io.Writer, p *product) error {
	entry := stockEntry
	if p.Init == builtin {
		entry = "/init"
	}
	archive := tarball.NewWriter(w)
	if err := p.archive(archive); err != nil {
		return err
	}
	if err := archive.File("Dockerfile", tree.File(0o644, fmt.Appendf(nil, dockerfile, entry))); err != nil {
		return err
	}
	return archive.Close()
}
