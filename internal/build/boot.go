package build

import (
	"archive/tar"
	"fmt"
	"io"

	"github.com/org/linuxkit-action/internal/component/tree"
)

// Paths below /boot that have a meaning in LinuxKit.
const (
	bootKernel  = "boot/kernel"
	bootCmdline = "boot/cmdline"
	bootUcode   = "boot/ucode.cpio"
)

// maxCmdline bounds /boot/cmdline, in bytes. Linux reads 2048 (x86, arm64).
const maxCmdline = 64 << 10

// splitBoot moves /boot of init images and files from Root to Boot: like LinuxKit, an
// initrd does not contain it. A kernel, command line or microcode in it replaces that of
// the kernel image.
func (a *assembler) splitBoot() error {
	folder, found := a.Root.Get("boot")
	bootFiles := a.Root.Cut("boot")
	if !found || bootFiles.Len() == 0 {
		return nil
	}
	a.opts.Report.Note("/boot of %s: %d paths for boot loaders; initrds omit them", folder.Origin, bootFiles.Len())
	if err := a.Boot.MkdirAll("boot", folder.Origin); err != nil {
		return err
	}
	if err := a.Boot.Overlay("boot", bootFiles, tree.Origin{}); err != nil {
		return err
	}
	if kernel, found := regularFile(a.Boot, bootKernel); found {
		a.Kernel = kernel
	}
	if ucode, found := regularFile(a.Boot, bootUcode); found {
		a.Ucode = ucode
	}
	return a.readCmdline()
}

// readCmdline replaces the command line by /boot/cmdline, if it exists.
func (a *assembler) readCmdline() error {
	file, found := regularFile(a.Boot, bootCmdline)
	if !found {
		return nil
	}
	if file.Size > maxCmdline {
		return fmt.Errorf("%w: /%s of %s has %d bytes; Linux reads 2048",
			tree.ErrTooLarge, bootCmdline, file.Origin, file.Size)
	}
	text, err := io.ReadAll(file.Open())
	a.Cmdline = string(text)
	return err
}

func regularFile(t *tree.Tree, name string) (*tree.Inode, bool) {
	inode, ok := t.Get(name)
	return inode, ok && inode.Type == tar.TypeReg
}
