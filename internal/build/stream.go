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

// writeTar writes /boot and the root file system as a tar archive with LinuxKit's records.
func writeTar(_ context.Context, w io.Writer, p *product) error {
	archive := tarball.NewWriter(w)
	if err := p.writeTrees(archive); err != nil {
		return err
	}
	return archive.Close()
}

func (p *product) writeTrees(w *tarball.Writer) error {
	if err := w.Tree(p.Boot); err != nil {
		return err
	}
	return w.Tree(p.Root)
}

// dockerfile builds a container image from the archive that contains it.
const dockerfile = `FROM scratch
COPY . /
ENTRYPOINT ["%s"]
`

// stockInit is the program that /init of linuxkit/init runs.
const stockInit = "/bin/rc.init"

// writeDocker writes the archive of writeTar with a Dockerfile, as the context of a docker
// build.
func writeDocker(_ context.Context, w io.Writer, p *product) error {
	entry := stockInit
	if p.Init == builtin {
		entry = "/init"
	}
	archive := tarball.NewWriter(w)
	if err := p.writeTrees(archive); err != nil {
		return err
	}
	if err := archive.File("Dockerfile", tree.File(0o644, fmt.Appendf(nil, dockerfile, entry))); err != nil {
		return err
	}
	return archive.Close()
}
