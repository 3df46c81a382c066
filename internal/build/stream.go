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
// opts, which must be one of Streamable. The output folder is only for what must be
// kept for a while.
func Stream(ctx context.Context, verified *verify.Verified, w io.Writer, opts Options) error {
	chosen, err := chooseFormats(opts.Formats)
	if err != nil {
		return err
	}
	if len(chosen) != 1 || !chosen[0].Streamable {
		return fmt.Errorf("%w: %s cannot be streamed; these can, one at a time: %s", ErrUsage, strings.Join(opts.Formats, ", "), strings.Join(Streamable(), ", "))
	}
	return made(ctx, verified, opts, func(s *System) error {
		return chosen[0].Files[0].Write(&cancellable{ctx, w}, &product{System: s, ctx: ctx, opts: opts})
	})
}

// cancellable ends what is written when the run is cancelled.
type cancellable struct {
	ctx context.Context
	w   io.Writer
}

func (c *cancellable) Write(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(b)
}

// writeTar writes the system as LinuxKit hands it from step to step: the root file
// system, and before it /boot.
func writeTar(w io.Writer, p *product) error {
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
func writeDocker(w io.Writer, p *product) error {
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
