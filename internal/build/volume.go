package build

import (
	"context"
	"fmt"

	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/manifest"
)

// addVolumes adds the directories that containers share. At boot PID 1 mounts an overlay
// on merged: a tmpfs, mounted on tmp, over lower.
func (a *assembler) addVolumes(ctx context.Context) error {
	for i, v := range a.manifest.Volumes {
		if err := a.addVolume(ctx, i, v); err != nil {
			return fmt.Errorf("%s: %s: %w", v.Place, v.Path, err)
		}
	}
	return nil
}

func (a *assembler) addVolume(ctx context.Context, i int, v manifest.Volume) error {
	dir := tree.Clean(v.Dir())
	origin := tree.Origin{Source: sourceEmpty, Location: location("volume", i)}
	if v.Image != "" {
		origin = imageOrigin(v.Image, "volume", i)
	}
	if err := a.Root.MkdirAll(dir+"/lower", origin); err != nil {
		return err
	}
	for _, sub := range []string{"merged", "tmp"} {
		if err := a.Root.MkdirAll(dir+"/"+sub, tree.Origin{Source: sourceVolumes, Location: origin.Location}); err != nil {
			return err
		}
	}
	if v.Image == "" {
		return nil
	}
	content, err := a.volumeContent(ctx, v)
	if err != nil {
		return err
	}
	return a.Root.Overlay(dir+"/lower", content, origin)
}

func (a *assembler) volumeContent(ctx context.Context, v manifest.Volume) (*tree.Tree, error) {
	image, err := a.image(string(v.Image))
	if err != nil {
		return nil, err
	}
	if !v.IsLayout() {
		return image.Tree, prepareRoot(image.Tree, systemRoot)
	}
	made, err := image.Layout(ctx, a.opts.Cache, v.Includes, a.opts.Report)
	if err != nil {
		return nil, err
	}
	a.open = append(a.open, made)
	return made.Tree, nil
}

// protectReadonlyVolumes removes tmp of read-only volumes. Without it the built-in PID 1
// bind-mounts lower read-only instead of an overlay.
func (a *assembler) protectReadonlyVolumes() {
	for _, v := range a.manifest.Volumes {
		if v.Readonly {
			a.Root.Remove(tree.Clean(v.Dir()) + "/tmp")
		}
	}
}
