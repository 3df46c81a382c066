package build

import (
	"bufio"
	"context"
	"io"

	"github.com/org/linuxkit-action/internal/build/initrd"
	"github.com/org/linuxkit-action/internal/build/tarball"
	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/workspace"
)

// bufferSize is that of the writer in front of the initrd file, in bytes.
const bufferSize = 1 << 20

// initrd returns the compressed root file system, without microcode.
func (p *product) initrd(ctx context.Context) (*tree.Inode, error) {
	if p.initrdFile != nil {
		return p.initrdFile, nil
	}
	file, err := workspace.Temp(p.opts.Output)
	if err != nil {
		return nil, err
	}
	p.open = append(p.open, file)
	buffered := bufio.NewWriterSize(newCancelWriter(ctx, file), bufferSize)
	if err := p.compressRoot(buffered); err != nil {
		return nil, err
	}
	if err := buffered.Flush(); err != nil {
		return nil, err
	}
	size, err := file.Seek(0, io.SeekCurrent)
	p.initrdFile = tree.File(0o644, nil)
	p.initrdFile.Size, p.initrdFile.Data = size, file
	return p.initrdFile, err
}

func (p *product) compressRoot(w io.Writer) error {
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

// codec returns the requested codec, or the default for the kernel.
func (p *product) codec() initrd.Codec {
	c := p.opts.Codec
	if c == (initrd.Codec{}) {
		return initrd.DefaultCodec(p.Release)
	}
	if !c.SupportedBy(p.Release) {
		p.opts.Report.Note("kernel %s may not support %s initrds, which need Linux 5.9; omit --compress if it does not boot",
			p.Release, c.Name)
	}
	return c
}

// writeInitrd writes the initrd. Microcode comes first and uncompressed, because the
// kernel loads it before it can decompress (kernel Documentation/arch/x86/microcode.rst).
// The compressed archive follows at a multiple of 4 bytes, as cpio requires.
func writeInitrd(ctx context.Context, w io.Writer, p *product) error {
	file, err := p.initrd(ctx)
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
	_, err = io.Copy(w, file.Open())
	return err
}

// writeInitrdTar writes the files for a boot loader as one archive, with LinuxKit's names.
// Empty files are omitted, as in kernel+initrd.
func writeInitrdTar(ctx context.Context, w io.Writer, p *product) error {
	file, err := p.initrd(ctx)
	if err != nil {
		return err
	}
	archive := tarball.NewWriter(w)
	for _, member := range []struct {
		name string
		file *tree.Inode
	}{
		{"kernel", p.Kernel}, {"initrd.img", file}, {"cmdline", tree.File(0, []byte(p.Cmdline))}, {"ucode.cpio", p.Ucode},
	} {
		if member.file == nil || member.file.Size == 0 {
			continue
		}
		readable := *member.file
		readable.Perm = 0o644
		if err := archive.File(member.name, &readable); err != nil {
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
