// Package build assembles verified components into the files of an image.
//
// Assemble unpacks the components in parallel, overlays them to one root file system, and
// writes it in every requested format; Stream writes one format to a pipe. The root is an
// index in memory (package tree): file contents stay on disk until they are written. The
// same input gives the same bytes, and a failed build leaves nothing in the output folder.
//
// root.go lays out the system in LinuxKit's order, format.go is the table of output
// formats, output.go writes them. Each sub-package handles one format of data: OCI
// bundle, initrd, tar archive, kernel image.
package build

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/org/linuxkit-action/internal/budget"
	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/build/initrd"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/crash"
	"github.com/org/linuxkit-action/internal/progress"
	"github.com/org/linuxkit-action/internal/verify"
	"golang.org/x/sync/errgroup"
)

// ErrAssembly is wrapped by errors in the components or files of a system.
var ErrAssembly = errors.New("assembly failed")

// ErrUsage is wrapped by errors in the Options.
var ErrUsage = errors.New("usage")

// maxUnpacks is the number of components that are fetched and flattened in parallel.
const maxUnpacks = 3

// Options configure a build.
type Options struct {
	Name         string       // prefix of the file names
	Output       string       // folder
	Formats      []string     // names of the format table
	Size         int64        // of disks, in bytes; 0: by the format's SizeRule
	Codec        initrd.Codec // of the initrd; the zero value: the default for the kernel
	Init         string       // InitAuto, InitBuiltin or InitManifest
	AllowOutside bool         // files[].source may lie outside the repository
	Cache        *component.Cache
	Budget       *budget.Budget // of the run; nil for no bounds
	Report       progress.Reporter

	DecompressKernel bool // write the kernel uncompressed
	NoSBOM           bool // do not keep the attested SBOMs of the components
}

// Assemble builds the system, writes its files to the output folder, and returns the list
// of them. After an error the output folder is unchanged. Errors wrap ErrUsage,
// ErrAssembly, an error of package component, or that of the context.
func Assemble(ctx context.Context, verified *verify.Verified, opts Options) (*artifacts.Set, error) {
	formats, err := chooseFormats(verified.Arch(), opts)
	if err != nil {
		return nil, err
	}
	attested, err := attestedSBOMs(ctx, verified, opts)
	if err != nil {
		return nil, err
	}
	var set *artifacts.Set
	err = withSystem(ctx, verified, opts, func(s *System) (err error) {
		set, err = writeOutputs(ctx, s, formats, attested, opts)
		return err
	})
	if err != nil {
		return nil, err
	}
	return set, nil
}

// withSystem assembles the system, calls use with it, and closes it.
func withSystem(ctx context.Context, verified *verify.Verified, opts Options, use func(*System) error) error {
	images, err := unpack(ctx, verified, opts)
	defer images.close()
	if err != nil {
		return err
	}
	system, err := newSystem(ctx, verified, images, opts)
	if err != nil {
		return wrapAssembly(err)
	}
	defer system.close()
	if err := use(system); err != nil {
		return wrapAssembly(err)
	}
	return nil
}

// wrapAssembly wraps an error in ErrAssembly unless it has a kind with its own exit code.
func wrapAssembly(err error) error {
	for _, kind := range []error{
		ErrUsage, component.ErrDigest, component.ErrUnavailable, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, kind) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrAssembly, err)
}

// unpackedImages are the unpacked components, in the order of the verification results.
type unpackedImages []*component.Image

func unpack(ctx context.Context, verified *verify.Verified, opts Options) (unpackedImages, error) {
	results := verified.Results()
	unpacked := make(unpackedImages, len(results))
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(maxUnpacks)
	for i, result := range results {
		workers.Go(crash.Guard(func() (err error) {
			unpacked[i], err = result.Component.Unpack(ctx, opts.Cache, opts.Report)
			return err
		}))
	}
	return unpacked, workers.Wait()
}

func (list unpackedImages) close() {
	for _, image := range list {
		if image != nil {
			image.Close()
		}
	}
}

// closers are closed together.
type closers []io.Closer

func (list closers) close() {
	for _, c := range list {
		c.Close()
	}
}
