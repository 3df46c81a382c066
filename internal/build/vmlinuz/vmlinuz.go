// Package vmlinuz unpacks a kernel as the kernel itself does when it boots. Some
// virtual machines start only what is unpacked.
//
// A compressed kernel is either one gzip stream (arm64's Image.gz) or a bzImage: code
// that unpacks the rest, with the compressed kernel in it as payload (kernel
// Documentation/arch/x86/boot.rst). The offsets in it are an image's word: nothing is
// read beyond the file, and no more is written than a kernel can have.
package vmlinuz

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// ErrKernel is wrapped by the error for a file that cannot be unpacked.
var ErrKernel = errors.New("cannot decompress this kernel")

// Bounds of what is unpacked.
const (
	maxBytes  = 256 << 20 // LinuxKit's 6.12 has 60 MB
	maxWindow = 128 << 20 // of zstd; the kernel is packed with --ultra -22 (scripts/Makefile.lib)
)

// sizeSuffix is how many bytes of size follow all streams but gzip's, which has its own
// (scripts/Makefile.lib, size_append).
const sizeSuffix = 4

// codec is one way to pack a kernel. Those that nothing opens here are known by name.
type codec struct {
	name   string
	magic  string // boot.rst, payload_offset
	suffix int64
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

// Decompress writes the kernel that is packed in the image of size bytes to w, and
// returns how many bytes that are. Errors but those of w wrap ErrKernel.
func Decompress(w io.Writer, image io.ReaderAt, size int64) (int64, error) {
	packed := io.NewSectionReader(image, 0, size)
	payload, err := payload(packed)
	if err != nil {
		return 0, err
	}
	found := payload != nil
	if !found {
		payload = packed
	}
	for _, c := range codecs {
		if !startsWith(payload, c.magic) || !found && c.name != "gzip" {
			continue
		}
		if c.open == nil {
			return 0, fmt.Errorf("%w: it is packed with %s, and only gzip, zstd and lz4 are understood", ErrKernel, c.name)
		}
		return c.unpack(w, payload)
	}
	return 0, fmt.Errorf("%w: it is neither a gzip stream nor a bzImage with a known payload; it may be unpacked already",
		ErrKernel)
}

func (c codec) unpack(w io.Writer, payload *io.SectionReader) (int64, error) {
	stream, err := c.open(io.NewSectionReader(payload, 0, max(0, payload.Size()-c.suffix)))
	if err != nil {
		return 0, fmt.Errorf("%w: %s: %w", ErrKernel, c.name, err)
	}
	if closer, ok := stream.(io.Closer); ok {
		defer closer.Close()
	}
	foreign := &reader{r: stream}
	n, err := io.Copy(w, io.LimitReader(foreign, maxBytes+1))
	switch {
	case foreign.err != nil:
		return n, fmt.Errorf("%w: %s: %w", ErrKernel, c.name, foreign.err)
	case err != nil:
		return n, err
	case n == 0:
		return 0, fmt.Errorf("%w: %s: it unpacks to nothing", ErrKernel, c.name)
	case n > maxBytes:
		return n, fmt.Errorf("%w: it unpacks to more than %d MiB", ErrKernel, maxBytes>>20)
	}
	return n, nil
}

// reader remembers its error, so that it can be told from the writer's.
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

func startsWith(r io.ReaderAt, magic string) bool {
	start := make([]byte, len(magic))
	n, _ := r.ReadAt(start, 0)
	return n == len(magic) && bytes.Equal(start, []byte(magic))
}
