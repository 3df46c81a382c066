package build

import (
	"fmt"

	"github.com/org/linuxkit-action/internal/build/bundle"
	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/manifest"
)

// addContainers writes the OCI bundles below /containers.
func (a *assembler) addContainers() error {
	for _, section := range a.manifest.Sections() {
		for i, entry := range section.Entries {
			dir := "containers/" + section.Dir + "/" + entry.Name
			if section.Numbered {
				dir = fmt.Sprintf("containers/%s/%03d-%s", section.Dir, i, entry.Name)
			}
			if err := a.addContainer(dir, entry, imageOrigin(entry.Image, section.Dir, i)); err != nil {
				return fmt.Errorf("%s: %s: %w", entry.Place, entry.Path, err)
			}
		}
	}
	return nil
}

func (a *assembler) addContainer(dir string, entry manifest.Entry, origin tree.Origin) error {
	image, err := a.image(string(entry.Image))
	if err != nil {
		return err
	}
	made, err := bundle.New(a.manifest.ResolveVolumes(entry), image.Config.Config, a.ids)
	if err != nil {
		return err
	}
	readonly := made.Config.Root.Readonly
	lower, err := a.addImage(dir, image, readonly, origin)
	if err != nil {
		return err
	}
	made.Runtime.MountRoot("/"+dir, lower, readonly)
	if !readonly {
		if err := a.Root.MkdirAll(dir+"/tmp", origin); err != nil {
			return err
		}
	}
	if err := a.Root.MkdirAll(dir+"/rootfs", origin); err != nil {
		return err
	}
	return a.writeBundle(dir, made, origin)
}

// addImage adds the files of an image, once for all containers that share the image, and
// returns their path in the system: the lower layer of the container's root.
func (a *assembler) addImage(dir string, image *verifiedImage, readonly bool, origin tree.Origin) (string, error) {
	key := image.Reference.Name()
	if lower, ok := a.lower[key]; ok {
		return lower, nil
	}
	lower := dir + "/lower"
	if readonly {
		lower = dir + "/rootfs"
	}
	if err := prepareRoot(image.Tree, containerRoot); err != nil {
		return "", err
	}
	a.lower[key] = "/" + lower
	return "/" + lower, a.Root.Overlay(lower, image.Tree, origin)
}

// writeBundle writes config.json for the OCI runtime and runtime.json for PID 1.
func (a *assembler) writeBundle(dir string, made *bundle.Bundle, origin tree.Origin) error {
	config, err := made.ConfigJSON()
	if err != nil {
		return err
	}
	runtime, err := made.RuntimeJSON()
	if err != nil {
		return err
	}
	if err := a.Root.Put(dir+"/config.json", tree.File(0o644, config).From(origin)); err != nil {
		return err
	}
	return a.Root.Put(dir+"/runtime.json", tree.File(0o644, runtime).From(origin))
}
