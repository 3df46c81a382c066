package build

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/org/linuxkit-action/internal/build/vmlinuz"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/manifest"
)

// kernel takes the kernel image apart: the kernel itself, and a tarball that is
// unpacked onto / (LinuxKit's contract for kernel images).
func (l *layout) kernel(ctx context.Context) error {
	k := l.manifest.Kernel
	if k.Image == "" {
		return nil
	}
	image, err := l.image(string(k.Image))
	if err != nil {
		return err
	}
	origin := tree.Origin{Source: manifest.Canonical(string(k.Image)), Location: "kernel"}
	for _, step := range []func(context.Context, *used, tree.Origin) error{l.binary, l.microcode, l.modules} {
		if err := step(ctx, image, origin); err != nil {
			return fmt.Errorf("%s: kernel: image %s: %w", k.Of("image"), k.Image, err)
		}
	}
	return nil
}

// binary finds the kernel, and lays it and its command line below /boot.
func (l *layout) binary(ctx context.Context, image *used, origin tree.Origin) error {
	name := l.manifest.Kernel.BinaryName()
	kernel, found := regular(image.Tree, name)
	if !found {
		return fmt.Errorf("it has no file /%s; say with kernel.binary what the kernel is called", name)
	}
	l.Kernel = bootFile(kernel)
	l.Release = vmlinuz.Release(kernel.Data)
	if l.opts.DecompressKernel {
		if err := l.decompress(ctx, l.Kernel); err != nil {
			return fmt.Errorf("/%s: %w; leave --decompress-kernel away", name, err)
		}
	}
	if err := l.Boot.Put("boot", tree.Folder(0o755).From(origin)); err != nil {
		return err
	}
	if err := l.Boot.Put(bootCmdline, tree.File(0o644, []byte(l.Cmdline)).From(origin)); err != nil {
		return err
	}
	return l.Boot.Put(bootKernel, l.Kernel.From(origin))
}

// microcode finds what updates the processor early in the boot. Kernels for arm64 have
// none, so the same manifest may name what is not there.
func (l *layout) microcode(_ context.Context, image *used, origin tree.Origin) error {
	name := l.manifest.Kernel.Ucode
	if name == "" {
		return nil
	}
	ucode, found := regular(image.Tree, name)
	if !found {
		l.opts.Report.Note("kernel: image %s has no microcode /%s: the system goes without", l.manifest.Kernel.Image, name)
		return nil
	}
	l.Ucode = bootFile(ucode)
	return l.Boot.Put(bootUcode, l.Ucode.From(origin))
}

// modules unpacks the tarball. What it has for /boot is for boot loaders: device trees
// and the like.
func (l *layout) modules(ctx context.Context, image *used, origin tree.Origin) error {
	name := l.manifest.Kernel.TarName()
	if name == "" {
		return nil
	}
	archive, found := regular(image.Tree, name)
	if !found {
		return fmt.Errorf("it has no file /%s; say with kernel.tar what the modules are called, or none", name)
	}
	modules, err := untar(ctx, archive, origin)
	if err != nil {
		return fmt.Errorf("/%s: %w", name, err)
	}
	for _, taken := range []string{bootKernel, bootCmdline, bootUcode} {
		modules.Remove(taken)
	}
	if err := l.Boot.Overlay("boot", modules.Cut("boot"), origin); err != nil {
		return err
	}
	return l.Root.Overlay("", modules, origin)
}

// bootFile returns a file of an image as one of root's, of no particular time.
func bootFile(theirs *tree.Inode) *tree.Inode {
	own := tree.File(theirs.Perm, nil)
	own.Size, own.Data = theirs.Size, theirs.Data
	return own
}

// decompress replaces a kernel by what it unpacks to when it boots.
func (l *layout) decompress(ctx context.Context, kernel *tree.Inode) error {
	plain, err := scratch(l.opts.Output)
	if err != nil {
		return err
	}
	l.open = append(l.open, plain)
	kernel.Size, err = vmlinuz.Decompress(newCancelWriter(ctx, plain), kernel.Data, kernel.Size)
	kernel.Data = plain
	return err
}

func regular(t *tree.Tree, name string) (*tree.Inode, bool) {
	inode, ok := t.Get(name)
	return inode, ok && inode.Type == tar.TypeReg
}

// untar reads an archive that is itself a file of an image. The contents stay where
// they are: a file in the archive is a section of the archive.
func untar(ctx context.Context, archive *tree.Inode, origin tree.Origin) (*tree.Tree, error) {
	out := tree.New()
	stream := io.NewSectionReader(archive.Data, 0, archive.Size)
	keep := func(h *tar.Header, _ io.Reader) (io.ReaderAt, error) {
		if sparse(h) {
			return nil, fmt.Errorf("%w: sparse files are not understood here; pack it without --sparse", component.ErrMalformed)
		}
		at, err := stream.Seek(0, io.SeekCurrent)
		return io.NewSectionReader(archive.Data, at, h.Size), err
	}
	if err := component.Untar(ctx, out, stream, keep, origin.Source); err != nil {
		return nil, err
	}
	return out, nil
}

func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}
