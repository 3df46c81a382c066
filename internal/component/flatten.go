package component

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/progress"
	"golang.org/x/sync/errgroup"
)

// Bounds of what an image may unpack to.
const (
	maxFileBytes     = 4<<30 - 1 // what a cpio newc header can say
	maxUnpackedBytes = 16 << 30
	maxWindow        = 128 << 20 // of zstd, as the kernel's own reader
	maxID            = 1<<32 - 2 // 2^32-1 is "no such id" to the kernel
)

// Image is a component with its layers flattened: one tree, its contents in a
// nameless file that goes with Close.
type Image struct {
	*Component
	Tree  *tree.Tree
	spool *os.File
}

// Close frees the disk space.
func (i *Image) Close() error { return i.spool.Close() }

// Spool is where an image's contents lie; it is written once, front to back.
type spool struct {
	file *os.File
	size int64
}

// Unpack fetches the layers, side by side, and flattens them. Errors wrap
// ErrDigest, ErrMalformed or ErrUnavailable and name the image.
func (c *Component) Unpack(ctx context.Context, cache *Cache, report progress.Reporter) (_ *Image, err error) {
	use := c.Uses[0]
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %s: %w", use.Place, use, err)
		}
	}()
	task := report.Begin(use.Name, c.Bytes())
	layers, err := c.fetchAll(ctx, cache, task)
	task.Done(err == nil)
	defer closeAll(layers)
	if err != nil {
		return nil, err
	}
	return c.flatten(ctx, cache, layers)
}

func (c *Component) fetchAll(ctx context.Context, cache *Cache, task progress.Task) ([]*os.File, error) {
	if c.onlyLayout() {
		return nil, nil
	}
	layers := make([]*os.File, len(c.Manifest.Layers))
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(fetchesAtOnce)
	for i, d := range c.Manifest.Layers {
		workers.Go(func() (err error) {
			layers[i], err = c.fetch(ctx, cache, d, task)
			return err
		})
	}
	return layers, workers.Wait()
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

func (c *Component) flatten(ctx context.Context, cache *Cache, layers []*os.File) (*Image, error) {
	file, err := cache.spool()
	if err != nil {
		return nil, err
	}
	contents := &spool{file: file}
	image := &Image{c, tree.New(), file}
	for i, layer := range layers {
		if err := c.apply(ctx, image.Tree, contents, layer, c.Config.RootFS.DiffIDs[i]); err != nil {
			file.Close()
			return nil, fmt.Errorf("layer %d of %d: %w", i+1, len(layers), err)
		}
	}
	return image, nil
}

// apply unpacks one layer over what is there (OCI image specification, layer.md,
// Applying Changesets).
func (c *Component) apply(ctx context.Context, into *tree.Tree, contents *spool, layer io.Reader, diffID v1.Hash) error {
	plain, err := decompress(layer)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	defer plain.Close()
	hash := sha256.New()
	stream := io.TeeReader(io.LimitReader(plain, maxUnpackedBytes), hash)
	unpack := &unpacker{into, contents.keep, manifest.Canonical(c.Uses[0].Image), map[*tree.Inode]bool{}}
	if err := unpack.run(ctx, stream); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, stream); err != nil { // what follows the archive's end counts too
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != diffID.Hex {
		return fmt.Errorf("%w: it unpacks to sha256:%s, its config says %s", ErrDigest, got, diffID)
	}
	return nil
}

// keep copies the content of one file to the spool.
func (s *spool) keep(h *tar.Header, content io.Reader) (io.ReaderAt, error) {
	size := h.Size
	if size > maxFileBytes || s.size+size > maxUnpackedBytes {
		return nil, fmt.Errorf("%w: a file of %d bytes; one file may have 4 GiB, an image 16 GiB", tree.ErrTooLarge, size)
	}
	n, err := io.Copy(s.file, content)
	at := io.NewSectionReader(s.file, s.size, n)
	s.size += n
	var disk *fs.PathError // of the spool: no fault of the image
	if err != nil && !errors.As(err, &disk) {
		err = fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return at, err
}

// decompress reads gzip, zstd, or what is neither as it is.
func decompress(r io.Reader) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	magic, _ := buffered.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}): // RFC 1952, section 2.3.1
		return gzip.NewReader(buffered)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}): // RFC 8878, section 3.1.1
		d, err := zstd.NewReader(buffered, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return io.NopCloser(buffered), nil
}
