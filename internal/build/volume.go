package build

import (
	"context"
	"fmt"

	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/manifest"
)

// volumes lays out the directories that containers share. At boot PID 1 mounts, over
// what is in lower, a file system in memory, and both together on merged.
func (l *layout) volumes(ctx context.Context) error {
	for i, v := range l.manifest.Volumes {
		if err := l.volume(ctx, i, v); err != nil {
			return fmt.Errorf("%s: %s: %w", v.Place, v.Path, err)
		}
	}
	return nil
}

func (l *layout) volume(ctx context.Context, i int, v manifest.Volume) error {
	dir := tree.Clean(v.Dir())
	origin := tree.Origin{Source: sourceEmpty, Location: location("volume", i)}
	if v.Image != "" {
		origin = brought(v.Image, "volume", i)
	}
	if err := l.Root.MkdirAll(dir+"/lower", origin); err != nil {
		return err
	}
	for _, sub := range []string{"merged", "tmp"} {
		if err := l.Root.MkdirAll(dir+"/"+sub, tree.Origin{Source: sourceVolumes, Location: origin.Location}); err != nil {
			return err
		}
	}
	if v.Image == "" {
		return nil
	}
	content, err := l.volumeContent(ctx, v)
	if err != nil {
		return err
	}
	return l.Root.Overlay(dir+"/lower", content, origin)
}

func (l *layout) volumeContent(ctx context.Context, v manifest.Volume) (*tree.Tree, error) {
	image, err := l.image(string(v.Image))
	if err != nil {
		return nil, err
	}
	if !v.Layout() {
		return image.Tree, fixUp(image.Tree, forSystem)
	}
	made, err := image.Layout(ctx, l.opts.Cache, v.Wants, l.opts.Report)
	if err != nil {
		return nil, err
	}
	l.open = append(l.open, made)
	return made.Tree, nil
}

// protectVolumes makes our PID 1 keep everybody from writing to read-only volumes: it
// shows lower itself where there is no place for what is written.
func (l *layout) protectVolumes() {
	for _, v := range l.manifest.Volumes {
		if v.Readonly {
			l.Root.Remove(tree.Clean(v.Dir()) + "/tmp")
		}
	}
}
