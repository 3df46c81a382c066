package component

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/progress"
)

// maxImages bounds the images of one index in a layout.
const maxImages = 64

// Layout is an image as an OCI image layout (OCI image specification, image-layout.md).
type Layout struct {
	Tree  *tree.Tree
	blobs []*os.File
}

// Close closes the files that Tree reads from.
func (l *Layout) Close() error {
	var errs []error
	for _, f := range l.blobs {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// onlyLayout reports whether every use is an OCI layout. Such an image is never unpacked
// and may lack the architecture of the system.
func (c *Component) onlyLayout() bool {
	return !slices.ContainsFunc(c.Uses, func(u manifest.Use) bool { return !u.Layout })
}

// HasLayout reports whether any use is an OCI layout, which contains the whole index.
func (c *Component) HasLayout() bool {
	return slices.ContainsFunc(c.Uses, func(u manifest.Use) bool { return u.Layout })
}

// Layout fetches the images for the wanted platforms with their configs and layers. Errors
// wrap ErrNotFound, ErrDigest, ErrMalformed or ErrUnavailable.
func (c *Component) Layout(
	ctx context.Context, cache *Cache, wanted func(*v1.Platform) bool, report progress.Reporter,
) (*Layout, error) {
	task := report.Begin(c.Uses[0].Name, 0)
	w := &layoutWriter{component: c, cache: cache, task: task, layout: &Layout{Tree: tree.Within(c.budget())}}
	err := w.write(ctx, wanted)
	task.Done(err == nil)
	if err != nil {
		w.layout.Close()
		return nil, err
	}
	return w.layout, nil
}

// layoutWriter writes one layout.
type layoutWriter struct {
	component *Component
	cache     *Cache
	task      progress.Task
	layout    *Layout
}

func (w *layoutWriter) write(ctx context.Context, wanted func(*v1.Platform) bool) error {
	if err := w.addFile("oci-layout", []byte(layoutVersion)); err != nil {
		return err
	}
	for _, dir := range []string{"blobs", "blobs/sha256"} {
		folder := tree.Folder(0o755)
		folder.ModTime = layoutTime
		if err := w.layout.Tree.Put(dir, folder); err != nil {
			return err
		}
	}
	if err := w.addImages(ctx, wanted); err != nil {
		return err
	}
	if err := w.addFile(layoutBlob(w.component.IndexDigest), w.component.raw); err != nil {
		return err
	}
	index, err := w.indexJSON()
	if err != nil {
		return err
	}
	return w.addFile("index.json", index)
}

// addImages adds the wanted images of the index, or the image where there is no index.
func (w *layoutWriter) addImages(ctx context.Context, wanted func(*v1.Platform) bool) error {
	if !w.component.mediaType.IsIndex() {
		return w.addImage(ctx, w.component.raw)
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(w.component.raw, &index); err != nil {
		return fmt.Errorf("%w: index: %w", ErrMalformed, err)
	}
	if len(index.Manifests) > maxImages {
		return fmt.Errorf("%w: index of %d images; the limit is %d", ErrMalformed, len(index.Manifests), maxImages)
	}
	found := false
	for _, d := range index.Manifests {
		if !d.MediaType.IsImage() || !wanted(d.Platform) {
			continue
		}
		found = true
		raw, err := w.fetchManifest(ctx, d)
		if err != nil {
			return err
		}
		if err := w.addImage(ctx, raw); err != nil {
			return err
		}
		if err := w.addFile(layoutBlob(d.Digest), raw); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("%w: the index has none of the platforms of the volume", ErrNotFound)
	}
	return nil
}

func (w *layoutWriter) fetchManifest(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, MetadataTimeout)
	defer cancel()
	return w.component.get(ctx, "manifests", d.Digest.String())
}

// addImage adds the config and the layers of an image.
func (w *layoutWriter) addImage(ctx context.Context, raw []byte) error {
	m, err := parseManifest(raw)
	if err != nil {
		return err
	}
	for _, d := range append([]v1.Descriptor{m.Config}, m.Layers...) {
		if _, exists := w.layout.Tree.Get(layoutBlob(d.Digest)); exists {
			continue
		}
		blob, err := w.component.openLayer(ctx, w.cache, d, w.task)
		if err != nil {
			return err
		}
		w.layout.blobs = append(w.layout.blobs, blob)
		if err := w.addContent(layoutBlob(d.Digest), blob, d.Size); err != nil {
			return err
		}
	}
	return nil
}

// indexJSON returns index.json with one entry, named by the reference in the manifest.
func (w *layoutWriter) indexJSON() ([]byte, error) {
	entry := v1.Descriptor{
		MediaType:   w.component.mediaType,
		Size:        int64(len(w.component.raw)),
		Digest:      w.component.IndexDigest,
		Annotations: map[string]string{"org.opencontainers.image.ref.name": w.component.Canonical()},
	}
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{entry}}
	return json.MarshalIndent(index, "", "   ")
}

// layoutVersion is the content of oci-layout, formatted as LinuxKit does.
const layoutVersion = "{\n\t\t\"imageLayoutVersion\": \"1.0.0\"\n\t}"

// layoutTime is the modification time of every file of a layout, as LinuxKit writes it.
var layoutTime = time.Unix(0, 0)

func layoutBlob(digest v1.Hash) string { return "blobs/" + digest.Algorithm + "/" + digest.Hex }

func (w *layoutWriter) addFile(path string, content []byte) error {
	file := tree.File(0o644, content)
	file.ModTime = layoutTime
	return w.layout.Tree.Put(path, file)
}

func (w *layoutWriter) addContent(path string, content io.ReaderAt, size int64) error {
	file := tree.File(0o644, nil)
	file.ModTime, file.Size, file.Data = layoutTime, size, content
	return w.layout.Tree.Put(path, file)
}
