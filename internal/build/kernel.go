package build

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/org/linuxkit-action/internal/budget"
	"github.com/org/linuxkit-action/internal/build/vmlinuz"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/workspace"
)

// addKernel adds the files of the kernel image: the kernel, and a tar archive of modules
// that is unpacked to / (LinuxKit's layout of kernel images).
func (a *assembler) addKernel(ctx context.Context) error {
	k := a.manifest.Kernel
	if k.Image == "" {
		return nil
	}
	image, err := a.image(string(k.Image))
	if err != nil {
		return err
	}
	origin := tree.Origin{Source: manifest.Canonical(string(k.Image)), Location: "kernel"}
	for _, step := range []func(context.Context, *verifiedImage, tree.Origin) error{
		a.addKernelBinary, a.addMicrocode, a.addModules,
	} {
		if err := step(ctx, image, origin); err != nil {
			return fmt.Errorf("%s: kernel: image %s: %w", k.Of("image"), k.Image, err)
		}
	}
	return nil
}

// addKernelBinary puts the kernel and its command line into /boot.
func (a *assembler) addKernelBinary(ctx context.Context, image *verifiedImage, origin tree.Origin) error {
	name := a.manifest.Kernel.BinaryName()
	kernel, found := regularFile(image.Tree, name)
	if !found {
		return fmt.Errorf("no file /%s; set kernel.binary to the name of the kernel", name)
	}
	a.Kernel = bootFile(kernel)
	a.Release = vmlinuz.Release(kernel.Data)
	if a.opts.DecompressKernel {
		if err := a.decompress(ctx, a.Kernel); err != nil {
			return fmt.Errorf("/%s: %w; omit --decompress-kernel", name, err)
		}
	}
	if err := a.Boot.Put("boot", tree.Folder(0o755).From(origin)); err != nil {
		return err
	}
	if err := a.Boot.Put(bootCmdline, tree.File(0o644, []byte(a.Cmdline)).From(origin)); err != nil {
		return err
	}
	return a.Boot.Put(bootKernel, a.Kernel.From(origin))
}

// addMicrocode puts the processor's microcode into /boot. A missing file is not an error:
// arm64 kernels have none, and the same manifest may serve both architectures.
func (a *assembler) addMicrocode(_ context.Context, image *verifiedImage, origin tree.Origin) error {
	name := a.manifest.Kernel.Ucode
	if name == "" {
		return nil
	}
	ucode, found := regularFile(image.Tree, name)
	if !found {
		a.opts.Report.Note("kernel: image %s has no microcode /%s; the system has none", a.manifest.Kernel.Image, name)
		return nil
	}
	a.Ucode = bootFile(ucode)
	return a.Boot.Put(bootUcode, a.Ucode.From(origin))
}

// addModules unpacks the tar archive of the kernel image. Its /boot, such as device
// trees, goes to boot loaders.
func (a *assembler) addModules(ctx context.Context, image *verifiedImage, origin tree.Origin) error {
	name := a.manifest.Kernel.TarName()
	if name == "" {
		return nil
	}
	archive, found := regularFile(image.Tree, name)
	if !found {
		return fmt.Errorf("no file /%s; set kernel.tar to the name of the modules archive, or to none", name)
	}
	modules, err := untar(ctx, archive, origin, a.opts.Budget)
	if err != nil {
		return fmt.Errorf("/%s: %w", name, err)
	}
	for _, reserved := range []string{bootKernel, bootCmdline, bootUcode} {
		modules.Remove(reserved)
	}
	if err := a.Boot.Overlay("boot", modules.Cut("boot"), origin); err != nil {
		return err
	}
	return a.Root.Overlay("", modules, origin)
}

// bootFile returns a copy of a file that is owned by root and has the fixed time of tree.
func bootFile(source *tree.Inode) *tree.Inode {
	file := tree.File(source.Perm, nil)
	file.Size, file.Data = source.Size, source.Data
	return file
}

// decompress replaces the content of a kernel by the uncompressed kernel.
func (a *assembler) decompress(ctx context.Context, kernel *tree.Inode) error {
	plain, err := workspace.Temp(a.opts.Output)
	if err != nil {
		return err
	}
	a.open = append(a.open, plain)
	kernel.Size, err = vmlinuz.Decompress(newCancelWriter(ctx, plain), kernel.Data, kernel.Size)
	kernel.Data = plain
	return err
}

// untar reads an archive that is a file of an image. Contents are not copied: each file
// is a section of the archive.
func untar(ctx context.Context, archive *tree.Inode, origin tree.Origin, b *budget.Budget) (*tree.Tree, error) {
	out := tree.Within(b)
	stream := io.NewSectionReader(archive.Data, 0, archive.Size)
	content := func(h *tar.Header, _ io.Reader) (io.ReaderAt, error) {
		if isSparse(h) {
			return nil, fmt.Errorf("%w: sparse files are not supported; create the archive without --sparse", component.ErrMalformed)
		}
		at, err := stream.Seek(0, io.SeekCurrent)
		return io.NewSectionReader(archive.Data, at, h.Size), err
	}
	if err := component.Untar(ctx, out, stream, content, origin.Source, b); err != nil {
		return nil, err
	}
	return out, nil
}

func isSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}
