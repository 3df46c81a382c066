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

// System is the assembled system, from which every format is written.
type System struct {
	Root       *tree.Tree  // without /boot
	Boot       *tree.Tree  // /boot, for boot loaders: kernel, cmdline, ucode.cpio, device trees
	Kernel     *tree.Inode // nil if the manifest has no kernel
	Release    string      // kernel release as in uname -r; "" if unknown
	Ucode      *tree.Inode // microcode, a cpio archive; nil for none
	Cmdline    string
	Arch       string
	Init       string // "builtin", or the reference of the image with /init
	Components []artifacts.Component

	open closers
}

func (s *System) close() { s.open.close() }

// assembler builds a System.
type assembler struct {
	*System
	manifest *manifest.Manifest
	opts     Options
	ids      bundle.IDs
	images   map[string]*verifiedImage // by reference, as written in the manifest
	lower    map[string]string         // path of the files of an image, by its full reference
}

// verifiedImage is an unpacked image with its verification result.
type verifiedImage struct {
	*component.Image
	result verify.Result
}

// newSystem assembles the system in LinuxKit's order: kernel, init, volumes, containers,
// files. A later step replaces files of an earlier one.
func newSystem(ctx context.Context, verified *verify.Verified, unpacked unpackedImages, opts Options) (*System, error) {
	m := verified.Manifest()
	a := &assembler{
		System: &System{
			Root: tree.Within(opts.Budget), Boot: tree.Within(opts.Budget), Arch: verified.Arch(), Cmdline: m.KernelCmdline(),
		},
		manifest: m,
		opts:     opts,
		ids:      bundle.Allocate(m),
		images:   map[string]*verifiedImage{},
		lower:    map[string]string{},
	}
	for i, result := range verified.Results() {
		for _, use := range result.Component.Uses {
			a.images[use.Image] = &verifiedImage{Image: unpacked[i], result: result}
		}
	}
	kernel := func() error { return a.addKernel(ctx) }
	volumes := func() error { return a.addVolumes(ctx) }
	for _, step := range []func() error{
		kernel, a.addInitImages, volumes, a.addContainers, a.addFiles, a.chooseInit, a.splitBoot,
	} {
		if err := step(); err != nil {
			a.close()
			return nil, err
		}
	}
	return a.System, nil
}

// image returns the unpacked image of a reference in the manifest.
func (a *assembler) image(reference string) (*verifiedImage, error) {
	image, ok := a.images[reference]
	if !ok {
		return nil, fmt.Errorf("image %s is not verified", reference)
	}
	return image, nil
}

// addInitImages unpacks the init images to /.
func (a *assembler) addInitImages() error {
	var databases []*tree.Inode
	for i, init := range a.manifest.Init {
		image, err := a.image(string(init.Image))
		if err != nil {
			return err
		}
		if err := prepareRoot(image.Tree, systemRoot); err != nil {
			return err
		}
		if db, found := image.Tree.Resolve(packageDatabase); found && db.Type == tar.TypeReg {
			databases = append(databases, db)
		}
		if err := a.Root.Overlay("", image.Tree, imageOrigin(init.Image, "init", i)); err != nil {
			return fmt.Errorf("%s: %s: %w", init.Place, init.Path, err)
		}
	}
	return a.mergePackageDatabases(databases)
}

// listComponents lists the components in the order of the manifest, with their unpacked
// sizes.
func (a *assembler) listComponents() {
	for _, use := range a.manifest.Images() {
		image := a.images[use.Image]
		a.Components = append(a.Components, artifacts.Component{
			Role: use.Role, Name: use.Name,
			Reference: image.Reference.Name(), IndexDigest: image.IndexDigest.String(),
			Signer: image.result.Signer, Bytes: image.Tree.Size(),
			Rule: image.result.Rule, Verdict: image.result.Verdict(), Signatures: image.result.Signatures,
		})
	}
}

// Values of tree.Origin.Source for files that come from no image. All but sourceInit are
// LinuxKit's.
const (
	sourceFiles    = "linuxkit.files"
	sourceVolumes  = "linuxkit.volumes"
	sourceEmpty    = "empty" // a volume without an image
	sourcePackages = "LINUXKIT.apkinit"
	sourceInit     = "linuxkit-action.init"
)

// imageOrigin is the origin of the files of an image at index i of a section.
func imageOrigin(image manifest.Image, section string, i int) tree.Origin {
	return tree.Origin{Source: manifest.Canonical(string(image)), Location: location(section, i)}
}

// location names an item of a section as LinuxKit does.
func location(section string, i int) string { return fmt.Sprintf("%s[%d]", section, i) }
