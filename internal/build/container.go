package build

import (
	"fmt"

	"github.com/org/linuxkit-action/internal/build/bundle"
	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/manifest"
)

// containers lays out the bundles below /containers.
func (l *layout) containers() error {
	for _, section := range l.manifest.Sections() {
		for i, entry := range section.Entries {
			dir := "containers/" + section.Dir + "/" + entry.Name
			if section.Numbered {
				dir = fmt.Sprintf("containers/%s/%03d-%s", section.Dir, i, entry.Name)
			}
			if err := l.container(dir, entry, brought(entry.Image, section.Dir, i)); err != nil {
				return fmt.Errorf("%s: %s: %w", entry.Place, entry.Path, err)
			}
		}
	}
	return nil
}

func (l *layout) container(dir string, entry manifest.Entry, origin tree.Origin) error {
	image, err := l.image(string(entry.Image))
	if err != nil {
		return err
	}
	made, err := bundle.Make(l.manifest.ResolveVolumes(entry), image.Config.Config, l.ids)
	if err != nil {
		return err
	}
	readonly := made.Config.Root.Readonly
	lower, err := l.place(dir, image, readonly, origin)
	if err != nil {
		return err
	}
	made.Runtime.MountRoot("/"+dir, lower, readonly)
	if !readonly {
		if err := l.Root.MkdirAll(dir+"/tmp", origin); err != nil {
			return err
		}
	}
	if err := l.Root.MkdirAll(dir+"/rootfs", origin); err != nil {
		return err
	}
	return l.describe(dir, made, origin)
}

// place unpacks the image of a container once, however many containers have it, and
// returns where it lies in the system.
func (l *layout) place(dir string, image *used, readonly bool, origin tree.Origin) (string, error) {
	key := image.Reference.Name()
	if lower, ok := l.lower[key]; ok {
		return lower, nil
	}
	lower := dir + "/lower"
	if readonly {
		lower = dir + "/rootfs"
	}
	if err := fixUp(image.Tree, forContainer); err != nil {
		return "", err
	}
	l.lower[key] = "/" + lower
	return "/" + lower, l.Root.Overlay(lower, image.Tree, origin)
}

// describe writes the two files that PID 1 and the runtime read.
func (l *layout) describe(dir string, made *bundle.Bundle, origin tree.Origin) error {
	config, err := made.ConfigJSON()
	if err != nil {
		return err
	}
	runtime, err := made.RuntimeJSON()
	if err != nil {
		return err
	}
	if err := l.Root.Put(dir+"/config.json", tree.File(0o644, config).From(origin)); err != nil {
		return err
	}
	return l.Root.Put(dir+"/runtime.json", tree.File(0o644, runtime).From(origin))
}
