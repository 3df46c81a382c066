package build

import (
	"archive/tar"
	"fmt"
	"io"
	"strings"

	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/component/tree"
)

// kernel takes the kernel image apart: the kernel itself, and a tarball that is
// unpacked onto / (LinuxKit's contract for kernel images).
func (l *layout) kernel() error {
	k := l.manifest.Kernel
	if k.Image == "" {
		return nil
	}
	image, err := l.image(k.Image)
	if err != nil {
		return err
	}
	fail := func(err error) error { return fmt.Errorf("%s: kernel: image %s: %w", k.Of("image"), k.Image, err) }
	var found bool
	if l.Kernel, found = regular(image.Tree, k.BinaryName()); !found {
		return fail(fmt.Errorf("it has no file /%s; say with kernel.binary what the kernel is called", k.BinaryName()))
	}
	if k.TarName() == "" {
		return nil
	}
	archive, found := regular(image.Tree, k.TarName())
	if !found {
		return fail(fmt.Errorf("it has no file /%s; say with kernel.tar what the modules are called, or none", k.TarName()))
	}
	modules, err := l.untar(archive, image)
	if err != nil {
		return fail(fmt.Errorf("/%s: %w", k.TarName(), err))
	}
	if err := l.Root.Overlay("", modules); err != nil {
		return fail(err)
	}
	return nil
}

func regular(t *tree.Tree, name string) (*tree.Inode, bool) {
	inode, ok := t.Get(name)
	return inode, ok && inode.Type == tar.TypeReg
}

// untar reads an archive that is itself a file of an image. The contents stay where
// they are: a file in the archive is a section of the archive.
func (l *layout) untar(archive *tree.Inode, image *used) (*tree.Tree, error) {
	out := tree.New()
	stream := io.NewSectionReader(archive.Data, 0, archive.Size)
	keep := func(h *tar.Header, _ io.Reader) (io.ReaderAt, error) {
		if sparse(h) {
			return nil, fmt.Errorf("%w: sparse files are not understood here; pack it without --sparse", component.ErrMalformed)
		}
		at, err := stream.Seek(0, io.SeekCurrent)
		return io.NewSectionReader(archive.Data, at, h.Size), err
	}
	if err := component.Untar(l.ctx, out, stream, keep, image.Reference.Name()); err != nil {
		return nil, err
	}
	out.Remove("boot") // device trees and the like are for boot loaders
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
