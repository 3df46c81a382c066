package build

import (
	"archive/tar"
	"context"
	"fmt"

	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/build/bundle"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/verify"
)

// System is what the formats are made of.
type System struct {
	Root       *tree.Tree  // without /boot
	Boot       *tree.Tree  // /boot, which is for boot loaders: kernel, cmdline, ucode.cpio, device trees
	Kernel     *tree.Inode // nil where the manifest has no kernel
	Release    string      // of the kernel, as uname -r tells it; "" where its image does not say
	Ucode      *tree.Inode // microcode: a cpio archive; nil where the kernel image has none, or none is wanted
	Cmdline    string
	Arch       string
	Init       string // builtin, or the reference of the image that brought /init
	Components []artifacts.Component

	open closers
}

func (s *System) close() { s.open.close() }

// layout is a System in the making.
type layout struct {
	*System
	manifest *manifest.Manifest
	opts     Options
	ids      bundle.IDs
	images   map[string]*used // by reference, as written in the manifest
	lower    map[string]string
}

// used is one unpacked image with what verification said of it.
type used struct {
	*component.Image
	result verify.Result
}

// compose lays out the system in LinuxKit's order: kernel, init, containers, files;
// what comes later wins.
func compose(ctx context.Context, verified *verify.Verified, unpacked images, opts Options) (*System, error) {
	l := &layout{
		System:   &System{Root: tree.New(), Boot: tree.New(), Arch: verified.Arch(), Cmdline: verified.Manifest().KernelLine()},
		manifest: verified.Manifest(),
		opts:     opts,
		ids:      bundle.Allocate(verified.Manifest()),
		images:   map[string]*used{},
		lower:    map[string]string{},
	}
	for i, result := range verified.Results() {
		for _, use := range result.Component.Uses {
			l.images[use.Image] = &used{unpacked[i], result}
		}
	}
	kernel := func() error { return l.kernel(ctx) }
	volumes := func() error { return l.volumes(ctx) }
	for _, step := range []func() error{kernel, l.inits, volumes, l.containers, l.files, l.init, l.boot} {
		if err := step(); err != nil {
			l.close()
			return nil, err
		}
	}
	return l.System, nil
}

// image returns the unpacked image of a use.
func (l *layout) image(reference string) (*used, error) {
	image, ok := l.images[reference]
	if !ok {
		return nil, fmt.Errorf("image %s was not verified", reference)
	}
	return image, nil
}

// inits unpacks the init images onto /.
func (l *layout) inits() error {
	var databases []*tree.Inode
	for i, init := range l.manifest.Init {
		image, err := l.image(string(init.Image))
		if err != nil {
			return err
		}
		if err := fixUp(image.Tree, forSystem); err != nil {
			return err
		}
		if db, found := image.Tree.Resolve(packageDatabase); found && db.Type == tar.TypeReg {
			databases = append(databases, db)
		}
		if err := l.Root.Overlay("", image.Tree, brought(init.Image, "init", i)); err != nil {
			return fmt.Errorf("%s: %s: %w", init.Place, init.Path, err)
		}
	}
	return l.joinPackages(databases)
}

// account lists the components in the order of the manifest, with the size of each
// image as it was unpacked.
func (l *layout) account() {
	for _, use := range l.manifest.Images() {
		image := l.images[use.Image]
		l.Components = append(l.Components, artifacts.Component{
			Role: use.Role, Name: use.Name,
			Reference: image.Reference.Name(), IndexDigest: image.IndexDigest.String(),
			Signer: image.result.Signer, Bytes: image.Tree.Size(),
			Rule: image.result.Rule, Verdict: image.result.Verdict(), Signatures: image.result.Signatures,
		})
	}
}
