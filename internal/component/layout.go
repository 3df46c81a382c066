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

// maxImages bounds the images of one index that go into a layout.
const maxImages = 64

// Layout is an image as files: an OCI image layout (OCI image specification,
// image-layout.md).
type Layout struct {
	Tree  *tree.Tree
	blobs []*os.File
}

// Close frees what the layout's files are read from.
func (l *Layout) Close() error {
	var failures []error
	for _, f := range l.blobs {
		failures = append(failures, f.Close())
	}
	return errors.Join(failures...)
}

// onlyLayout reports whether the image is wanted as it is, and never unpacked: then it
// need not be made for the architecture of the system.
func (c *Component) onlyLayout() bool {
	return !slices.ContainsFunc(c.Uses, func(u manifest.Use) bool { return !u.Layout })
}

// Layout fetches the images for the platforms that are wanted, and all that belongs to
// them. Errors wrap ErrNotFound, ErrDigest, ErrMalformed or ErrUnavailable.
func (c *Component) Layout(ctx context.Context, cache *Cache, wants func(*v1.Platform) bool, report progress.Reporter) (*Layout, error) {
	l := &layoutMaker{c: c, ctx: ctx, cache: cache, task: report.Begin(c.Uses[0].Name, 0), layout: &Layout{Tree: tree.New()}}
	err := l.make(wants)
	l.task.Done(err == nil)
	if err != nil {
		l.layout.Close()
		return nil, err
	}
	return l.layout, nil
}

// layoutMaker makes one layout.
type layoutMaker struct {
	c      *Component
	ctx    context.Context
	cache  *Cache
	task   progress.Task
	layout *Layout
}

func (l *layoutMaker) make(wants func(*v1.Platform) bool) error {
	if err := l.put("oci-layout", []byte(layoutMark)); err != nil {
		return err
	}
	for _, dir := range []string{"blobs", "blobs/sha256"} {
		folder := tree.Folder(0o755)
		folder.ModTime = layoutTime
		if err := l.layout.Tree.Put(dir, folder); err != nil {
			return err
		}
	}
	if err := l.images(wants); err != nil {
		return err
	}
	if err := l.put(blobPath(l.c.IndexDigest), l.c.raw); err != nil {
		return err
	}
	index, err := l.index()
	if err != nil {
		return err
	}
	return l.put("index.json", index)
}

// images adds the images that the root names, or the root itself where it is one.
func (l *layoutMaker) images(wants func(*v1.Platform) bool) error {
	if !l.c.mediaType.IsIndex() {
		return l.image(l.c.raw)
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(l.c.raw, &index); err != nil {
		return fmt.Errorf("%w: index: %w", ErrMalformed, err)
	}
	if len(index.Manifests) > maxImages {
		return fmt.Errorf("%w: an index of %d images; the most is %d", ErrMalformed, len(index.Manifests), maxImages)
	}
	found := 0
	for _, d := range index.Manifests {
		if !d.MediaType.IsImage() || !wants(d.Platform) {
			continue
		}
		found++
		raw, err := l.manifest(d)
		if err != nil {
			return err
		}
		if err := l.image(raw); err != nil {
			return err
		}
		if err := l.put(blobPath(d.Digest), raw); err != nil {
			return err
		}
	}
	if found == 0 {
		return fmt.Errorf("%w: its index has no image for any of the platforms of the volume", ErrNotFound)
	}
	return nil
}

// manifest fetches the manifest of an image of the index.
func (l *layoutMaker) manifest(d v1.Descriptor) ([]byte, error) {
	ctx, cancel := context.WithTimeout(l.ctx, AskTimeout)
	defer cancel()
	return l.c.ask(ctx, "manifests", d.Digest.String())
}

// image adds the config and the layers of an image.
func (l *layoutMaker) image(raw []byte) error {
	m, err := parseManifest(raw)
	if err != nil {
		return err
	}
	for _, d := range append([]v1.Descriptor{m.Config}, m.Layers...) {
		if _, have := l.layout.Tree.Get(blobPath(d.Digest)); have {
			continue
		}
		file, err := l.c.fetch(l.ctx, l.cache, d, l.task)
		if err != nil {
			return err
		}
		l.layout.blobs = append(l.layout.blobs, file)
		if err := l.add(blobPath(d.Digest), file, d.Size); err != nil {
			return err
		}
	}
	return nil
}

// index returns index.json, which names the root as the user does.
func (l *layoutMaker) index() ([]byte, error) {
	root := v1.Descriptor{
		MediaType: l.c.mediaType, Size: int64(len(l.c.raw)), Digest: l.c.IndexDigest,
		Annotations: map[string]string{"org.opencontainers.image.ref.name": manifest.Canonical(l.c.Uses[0].Image)},
	}
	return json.MarshalIndent(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{root}}, "", "   ")
}

// layoutMark is what makes a folder an image layout, in LinuxKit's form.
const layoutMark = "{\n\t\t\"imageLayoutVersion\": \"1.0.0\"\n\t}"

// layoutTime is the modification time of everything in a layout, as LinuxKit writes it.
var layoutTime = time.Unix(0, 0)

func blobPath(digest v1.Hash) string { return "blobs/" + digest.Algorithm + "/" + digest.Hex }

func (l *layoutMaker) put(path string, content []byte) error {
	return l.layout.Tree.Put(path, layoutFile(tree.File(0o644, content)))
}

func (l *layoutMaker) add(path string, content io.ReaderAt, size int64) error {
	file := layoutFile(tree.File(0o644, nil))
	file.Size, file.Data = size, content
	return l.layout.Tree.Put(path, file)
}

func layoutFile(inode *tree.Inode) *tree.Inode {
	inode.ModTime = layoutTime
	return inode
}
