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
	"github.com/org/linuxkit-action/internal/crash"
	"github.com/org/linuxkit-action/internal/progress"
	"golang.org/x/sync/errgroup"
)

// Bounds of an unpacked image.
const (
	maxFileBytes     = 4<<30 - 1 // the largest that a cpio newc header can hold
	maxUnpackedBytes = 16 << 30
	maxWindow        = 128 << 20 // of zstd, as in the kernel's decompressor
	maxID            = 1<<32 - 2 // the kernel reserves 2^32-1 for "no ID"
)

// Image is a component with its layers flattened to one tree. Contents are in a temporary
// file without a name.
type Image struct {
	*Component
	Tree *tree.Tree
	file *os.File
}

// Close frees the contents.
func (i *Image) Close() error { return i.file.Close() }

// Unpack fetches the layers concurrently and flattens them. Errors wrap ErrDigest,
// ErrMalformed or ErrUnavailable and name the image.
func (c *Component) Unpack(ctx context.Context, cache *Cache, report progress.Reporter) (*Image, error) {
	task := report.Begin(c.Uses[0].Name, c.CompressedSize())
	layers, err := c.openLayers(ctx, cache, task)
	task.Done(err == nil)
	defer closeAll(layers)
	if err != nil {
		return nil, c.wrap(err)
	}
	image, err := c.flatten(ctx, cache, layers)
	if err != nil {
		return nil, c.wrap(err)
	}
	return image, nil
}

// openLayers opens all layers. Files that are open despite an error are in the result.
func (c *Component) openLayers(ctx context.Context, cache *Cache, task progress.Task) ([]*os.File, error) {
	if c.onlyLayout() {
		return nil, nil
	}
	layers := make([]*os.File, len(c.Manifest.Layers))
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(maxConcurrent)
	for i, d := range c.Manifest.Layers {
		workers.Go(crash.Guard(func() (err error) {
			layers[i], err = c.openLayer(ctx, cache, d, task)
			return err
		}))
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
	file, err := cache.tempFile()
	if err != nil {
		return nil, err
	}
	contents := &contentFile{file: file}
	image := &Image{Component: c, Tree: tree.New(), file: file}
	for i, layer := range layers {
		if err := c.applyLayer(ctx, image.Tree, contents, layer, c.Config.RootFS.DiffIDs[i]); err != nil {
			file.Close()
			return nil, fmt.Errorf("layer %d of %d: %w", i+1, len(layers), err)
		}
	}
	return image, nil
}

// applyLayer applies one layer to the tree (OCI image specification, layer.md, Applying
// Changesets).
func (c *Component) applyLayer(
	ctx context.Context, into *tree.Tree, contents *contentFile, layer io.Reader, diffID v1.Hash,
) error {
	plain, err := decompress(layer)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	defer plain.Close()
	hash := sha256.New()
	stream := io.TeeReader(io.LimitReader(plain, maxUnpackedBytes), hash)
	u := &unpacker{into: into, store: contents.store, source: c.Canonical(), layer: map[*tree.Inode]bool{}}
	if err := u.unpack(ctx, stream); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, stream); err != nil { // the diff ID covers bytes after the archive
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != diffID.Hex {
		return fmt.Errorf("%w: diff ID is sha256:%s, want %s", ErrDigest, got, diffID)
	}
	return nil
}

// contentFile holds the contents of an image's files, one after the other.
type contentFile struct {
	file *os.File
	size int64
}

// store appends the content of one file. It implements StoreFunc.
func (s *contentFile) store(h *tar.Header, content io.Reader) (io.ReaderAt, error) {
	if h.Size > maxFileBytes || s.size+h.Size > maxUnpackedBytes {
		return nil, fmt.Errorf("%w: a file of %d bytes; the limits are 4 GiB a file and 16 GiB an image", tree.ErrTooLarge, h.Size)
	}
	n, err := io.Copy(s.file, content)
	stored := io.NewSectionReader(s.file, s.size, n)
	s.size += n
	var disk *fs.PathError // a failed write, not a fault of the image
	if err != nil && !errors.As(err, &disk) {
		err = fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return stored, err
}

// decompress detects gzip and zstd, and returns anything else unchanged.
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
