package component

import (
	"bufio"
	"bytes"
	"context"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/semaphore"
)

// Windows of zstd. A decoder needs as much memory as the window of its input.
const (
	maxWindow   = 128 << 20 // as in the kernel's decompressor
	minReserved = 8 << 20   // the default of zstd up to level 19
	allWindows  = 160 << 20 // of all decoders that run at the same time
)

// windows bounds the memory of all decoders.
var windows = semaphore.NewWeighted(allWindows)

// decompress detects gzip and zstd, and returns anything else unchanged. It waits until
// there is memory for the window.
func decompress(ctx context.Context, r io.Reader) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	magic, _ := buffered.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}): // RFC 1952, section 2.3.1
		return gzip.NewReader(buffered)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}): // RFC 8878, section 3.1.1
		return newZstdReader(ctx, buffered)
	}
	return io.NopCloser(buffered), nil
}

// newZstdReader reserves memory for the window of the first frame. A later frame must not
// have a larger one, unless it is small.
func newZstdReader(ctx context.Context, r *bufio.Reader) (io.ReadCloser, error) {
	window := uint64(minReserved)
	start, _ := r.Peek(zstd.HeaderMaxSize)
	var header zstd.Header
	if err := header.Decode(start); err == nil {
		first := header.WindowSize
		if header.SingleSegment {
			first = header.FrameContentSize
		}
		window = min(max(window, first), maxWindow)
	}
	if err := windows.Acquire(ctx, int64(window)); err != nil {
		return nil, err
	}
	d, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(window), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		windows.Release(int64(window))
		return nil, err
	}
	return &zstdReader{ReadCloser: d.IOReadCloser(), window: int64(window)}, nil
}

// zstdReader returns the memory of its window when it is closed.
type zstdReader struct {
	io.ReadCloser
	window int64
}

// Close implements io.Closer.
func (z *zstdReader) Close() error {
	defer windows.Release(z.window)
	return z.ReadCloser.Close()
}
