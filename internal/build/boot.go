package build

import (
	"fmt"
	"io"

	"github.com/org/linuxkit-action/internal/component/tree"
)

// Names below /boot with a meaning (LinuxKit's contract between its steps).
const (
	bootKernel  = "boot/kernel"
	bootCmdline = "boot/cmdline"
	bootUcode   = "boot/ucode.cpio"
)

// maxCmdline bounds a kernel's command line. Linux reads 2048 bytes (x86, arm64).
const maxCmdline = 64 << 10

// boot takes /boot, as init images and loose files have it, out of the root. As in
// LinuxKit it is for boot loaders, and comes later than the kernel image, so that it may
// replace the kernel and its command line.
func (l *layout) boot() error {
	folder, found := l.Root.Get("boot")
	later := l.Root.Cut("boot")
	if !found || later.Len() == 0 {
		return nil
	}
	l.opts.Report.Note("/boot of %s: %d paths for boot loaders; an initrd goes without", folder.Origin, later.Len())
	if err := l.Boot.MkdirAll("boot", folder.Origin); err != nil {
		return err
	}
	if err := l.Boot.Overlay("boot", later, tree.Origin{}); err != nil {
		return err
	}
	if kernel, found := regular(l.Boot, bootKernel); found {
		l.Kernel = kernel
	}
	if ucode, found := regular(l.Boot, bootUcode); found {
		l.Ucode = ucode
	}
	return l.ownCmdline()
}

func (l *layout) ownCmdline() error {
	file, found := regular(l.Boot, bootCmdline)
	if !found {
		return nil
	}
	if file.Size > maxCmdline {
		return fmt.Errorf("%w: /%s of %s has %d bytes; Linux reads 2048", tree.ErrTooLarge, bootCmdline, file.Origin, file.Size)
	}
	text, err := io.ReadAll(file.Open())
	l.Cmdline = string(text)
	return err
}
