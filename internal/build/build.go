// Package build is the fourth step of the line: verified components become files.
//
// Assemble unpacks every component, side by side, lays them over each other to one
// root file system, and writes it in each format that is wanted. The root is an
// index in memory (package tree); contents stay on disk until they are written.
//
// Where things are: root.go lays out the system, kernel.go takes the kernel image
// apart, container.go lays out a container, files.go adds the loose files, init.go
// decides on PID 1, format.go lists the output formats, initrd.go and stream.go write them. Package artifacts makes the
// output appear whole or not at all.
package build

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/build/initrd"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/progress"
	"github.com/org/linuxkit-action/internal/verify"
	"golang.org/x/sync/errgroup"
)

// ErrAssembly is wrapped by the error for components that make no system.
var ErrAssembly = errors.New("assembly failed")

// ErrUsage is wrapped by the error for options that do not exist.
var ErrUsage = errors.New("usage")

// unpacksAtOnce is how many components are fetched and flattened side by side.
const unpacksAtOnce = 3

// Options say what to build.
type Options struct {
	Name         string       // of the files
	Output       string       // folder
	Formats      []string     // names of the format table
	Size         int64        // of disks, in bytes; 0: by the format's SizeRule
	Codec        initrd.Codec // none: the kernel's best
	Init         string       // InitAuto, InitBuiltin or InitManifest
	AllowOutside bool         // source: may leave the repository
	Cache        *component.Cache
	Report       progress.Reporter

	DecompressKernel bool // as the kernel would unpack itself
	NoSBOM           bool // keep no SBOM that is attested of a component
}

// Assemble builds the system and returns what it wrote. Nothing is left in the
// output folder when it fails.
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
	system, err := compose(ctx, verified, images, opts)
	if err != nil {
		return assembly(err)
	}
	defer system.close()
	if err := use(system); err != nil {
		return assembly(err)
	}
	return nil
}

// assembly marks an error as this step's, unless it has a kind of its own.
func assembly(err error) error {
	for _, kind := range []error{component.ErrDigest, component.ErrUnavailable, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, kind) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrAssembly, err)
}

// images are the unpacked components, in the order of the verification's results.
type images []*component.Image

func unpack(ctx context.Context, verified *verify.Verified, opts Options) (images, error) {
	results := verified.Results()
	unpacked := make(images, len(results))
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(unpacksAtOnce)
	for i, result := range results {
		workers.Go(func() (err error) {
			unpacked[i], err = result.Component.Unpack(ctx, opts.Cache, opts.Report)
			return err
		})
	}
	return unpacked, workers.Wait()
}

func (list images) close() {
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
