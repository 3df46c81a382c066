package build

import (
	"bufio"
	"context"
	"io"

	"github.com/org/linuxkit-action/internal/build/initrd"
	"github.com/org/linuxkit-action/internal/build/tarball"
	"github.com/org/linuxkit-action/internal/component/tree"
)

// packBuffer gathers the small pieces of a cpio archive before they go to disk.
const packBuffer = 1 << 20

// initrd returns the compressed root.
func (p *product) initrd(ctx context.Context) (*tree.Inode, error) {
	if p.packed != nil {
		return p.packed, nil
	}
	file, err := scratch(p.opts.Output)
	if err != nil {
		return nil, err
	}
	p.open = append(p.open, file)
	buffered := bufio.NewWriterSize(newCancelWriter(ctx, file), packBuffer)
	if err := p.pack(buffered); err != nil {
		return nil, err
	}
	if err := buffered.Flush(); err != nil {
		return nil, err
	}
	size, err := file.Seek(0, io.SeekCurrent)
	p.packed = tree.File(0o644, nil)
	p.packed.Size, p.packed.Data = size, file
	return p.packed, err
}

func (p *product) pack(w io.Writer) error {
	compressed, err := p.codec().Writer(w)
	if err != nil {
		return err
	}
	if err := initrd.WriteCPIO(compressed, p.Root); err != nil {
		compressed.Close()
		return err
	}
	return compressed.Close()
}

// codec returns what to pack with: what is wished for, or else what the kernel unpacks.
func (p *product) codec() initrd.Codec {
	c := p.opts.Codec
	if c == (initrd.Codec{}) {
		return initrd.For(p.Release)
	}
	if !c.Unpacked(p.Release) {
		p.opts.Report.Note("kernel %s is not known to unpack %s, which came with Linux 5.9; leave --compress away if it does not boot",
			p.Release, c.Name)
	}
	return c
}

// writeInitrd writes what the kernel unpacks. Microcode comes first and uncompressed,
// for it is looked for before anything can be unpacked (kernel
// Documentation/arch/x86/microcode.rst); what follows it begins at a multiple of 4, as
// everything in a cpio archive does.
func writeInitrd(ctx context.Context, w io.Writer, p *product) error {
	packed, err := p.initrd(ctx)
	if err != nil {
		return err
	}
	if p.Ucode != nil {
		if _, err := io.Copy(w, p.Ucode.Open()); err != nil {
			return err
		}
		if _, err := w.Write(make([]byte, -p.Ucode.Size&3)); err != nil {
			return err
		}
	}
	_, err = io.Copy(w, packed.Open())
	return err
}

// writeInitrdTar writes all that a boot loader takes as one archive, under LinuxKit's
// names. What is empty is left out, as the files of kernel+initrd are.
func writeInitrdTar(ctx context.Context, w io.Writer, p *product) error {
	packed, err := p.initrd(ctx)
	if err != nil {
		return err
	}
	archive := tarball.NewWriter(w)
	for _, member := range []struct {
		name string
		file *tree.Inode
	}{
		{"kernel", p.Kernel}, {"initrd.img", packed}, {"cmdline", tree.File(0, []byte(p.Cmdline))}, {"ucode.cpio", p.Ucode},
	} {
		if member.file == nil || member.file.Size == 0 {
			continue
		}
		public := *member.file
		public.Perm = 0o644
		if err := archive.File(member.name, &public); err != nil {
			return err
		}
	}
	return archive.Close()
}

func writeKernel(_ context.Context, w io.Writer, p *product) error {
	_, err := io.Copy(w, p.Kernel.Open())
	return err
}

func writeCmdline(_ context.Context, w io.Writer, p *product) error {
	_, err := io.WriteString(w, p.Cmdline)
	return err
}
