// Package vmlinuz decompresses a kernel image, as the kernel does when it boots, because
// some virtual machine monitors load uncompressed kernels only. It also reads the release
// of a kernel.
//
// A compressed kernel is either one gzip stream (Image.gz of arm64) or a bzImage, which
// contains the compressed kernel as its payload (kernel Documentation/arch/x86/boot.rst).
// Images are untrusted: offsets are checked against the file, and the size of the output
// is bounded.
package vmlinuz

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// ErrKernel is wrapped by the error for an image that cannot be decompressed.
var ErrKernel = errors.New("cannot decompress this kernel")

// Bounds of decompression, in bytes.
const (
	maxBytes  = 256 << 20 // of a kernel; LinuxKit's 6.12 has 60 MB
	maxWindow = 128 << 20 // of zstd; kernels are compressed with --ultra -22 (scripts/Makefile.lib)
)

// sizeSuffix is the length of the size that follows a stream, in bytes. gzip has none: its
// format contains the size (scripts/Makefile.lib, size_append).
const sizeSuffix = 4

// codec is a compression format of kernels. One without open is recognized only.
type codec struct {
	name   string
	magic  string // boot.rst, payload_offset
	suffix int64  // bytes after the stream
	open   func(io.Reader) (io.Reader, error)
}

var codecs = []codec{
	{name: "gzip", magic: "\x1f\x8b", suffix: 0, open: func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{name: "zstd", magic: "\x28\xb5\x2f\xfd", suffix: sizeSuffix, open: openZstd},
	{name: "lz4", magic: "\x02\x21\x4c\x18", suffix: sizeSuffix, open: openLZ4},
	{name: "xz", magic: "\xfd7zXZ\x00", suffix: sizeSuffix, open: nil},
	{name: "bzip2", magic: "BZh", suffix: sizeSuffix, open: nil},
	{name: "LZMA", magic: "\x5d\x00\x00", suffix: sizeSuffix, open: nil},
	{name: "LZO", magic: "\x89LZO", suffix: sizeSuffix, open: nil},
}

func openZstd(r io.Reader) (io.Reader, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// Decompress writes the kernel in a compressed image of size bytes to w, and returns its
// size in bytes. Errors wrap ErrKernel, except those of w.
func Decompress(w io.Writer, image io.ReaderAt, size int64) (int64, error) {
	file := io.NewSectionReader(image, 0, size)
	payload, err := payload(file)
	if err != nil {
		return 0, err
	}
	isBzImage := payload != nil
	if !isBzImage {
		payload = file
	}
	for _, c := range codecs {
		if !hasMagic(payload, c.magic) || !isBzImage && c.name != "gzip" {
			continue
		}
		if c.open == nil {
			return 0, fmt.Errorf("%w: unsupported compression %s; supported are gzip, zstd and lz4", ErrKernel, c.name)
		}
		return c.decompress(w, payload)
	}
	return 0, fmt.Errorf("%w: neither a gzip stream nor a bzImage with a known payload; it may be uncompressed already",
		ErrKernel)
}

func (c codec) decompress(w io.Writer, payload *io.SectionReader) (int64, error) {
	stream, err := c.open(io.NewSectionReader(payload, 0, max(0, payload.Size()-c.suffix)))
	if err != nil {
		return 0, fmt.Errorf("%w: %s: %w", ErrKernel, c.name, err)
	}
	if closer, ok := stream.(io.Closer); ok {
		defer closer.Close()
	}
	source := &reader{r: stream}
	n, err := io.Copy(w, io.LimitReader(source, maxBytes+1))
	switch {
	case source.err != nil:
		return n, fmt.Errorf("%w: %s: %w", ErrKernel, c.name, source.err)
	case err != nil:
		return n, err
	case n == 0:
		return 0, fmt.Errorf("%w: %s: the payload is empty", ErrKernel, c.name)
	case n > maxBytes:
		return n, fmt.Errorf("%w: the decompressed size exceeds %d MiB", ErrKernel, maxBytes>>20)
	}
	return n, nil
}

// reader keeps its error, to distinguish it from an error of the writer.
type reader struct {
	r   io.Reader
	err error
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

func hasMagic(r io.ReaderAt, magic string) bool {
	start := make([]byte, len(magic))
	n, _ := r.ReadAt(start, 0)
	return n == len(magic) && bytes.Equal(start, []byte(magic))
}
