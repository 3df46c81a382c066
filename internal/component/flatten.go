package component

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/crash"
	"github.com/org/linuxkit-action/internal/progress"
	"golang.org/x/sync/errgroup"
)

// Bounds of an unpacked image.
const (
	maxFileBytes  = 4<<30 - 1 // the largest that a cpio newc header can hold
	maxLayerPlain = 64 << 30  // decompressed; the budget bounds what is stored of it
	maxID         = 1<<32 - 2 // the kernel reserves 2^32-1 for "no ID"
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
	contents := &contentFile{file: file, budget: c.budget()}
	image := &Image{Component: c, Tree: tree.Within(c.budget()), file: file}
	for i, layer := range layers {
		u := &unpacker{into: image.Tree, store: contents.store, source: c.Canonical(), layer: i + 1, budget: c.budget()}
		if err := u.applyLayer(ctx, layer, c.Config.RootFS.DiffIDs[i]); err != nil {
			file.Close()
			return nil, fmt.Errorf("layer %d of %d: %w", i+1, len(layers), err)
		}
	}
	return image, nil
}

// applyLayer applies one layer to the tree (OCI image specification, layer.md, Applying
// Changesets).
func (u *unpacker) applyLayer(ctx context.Context, layer io.Reader, diffID v1.Hash) error {
	plain, err := decompress(ctx, layer)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	defer plain.Close()
	hash := sha256.New()
	stream := io.TeeReader(io.LimitReader(plain, maxLayerPlain), hash)
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
