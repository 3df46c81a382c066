package manifest

import (
	"path/filepath"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/gitpkg"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Image is a reference of an image, with LinuxKit's short forms. It may be written as
// @pkg:DIR: the image that LinuxKit makes of the package in a folder, which is relative
// to the manifest.
type Image string

const packageTemplate = "@pkg:"

// DecodeYAML reads a reference.
func (i *Image) DecodeYAML(n strict.Node) {
	var text string
	n.Into(&text)
	if text == "" {
		if n.IsText() {
			n.Problem("the reference is empty")
		}
		return
	}
	if dir, ok := strings.CutPrefix(text, packageTemplate); ok {
		tag, err := packageImage(n.Place().File, dir)
		if err != nil {
			n.Problem("%q: %v", text, err)
			return
		}
		text = tag
	}
	if strings.HasPrefix(text, "@") {
		n.Problem("there is no template %q; there is %sDIR", text, packageTemplate)
		return
	}
	if _, err := ParseReference(text); err != nil {
		n.Problem("not an image reference: %v", err)
		return
	}
	*i = Image(text)
}

// packageImage returns the reference of the package in a folder beside a manifest.
func packageImage(file, dir string) (string, error) {
	if !local(file) {
		return "", gitpkg.ErrRemote
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(filepath.Dir(file), dir)
	}
	tag, err := gitpkg.Tag(dir)
	return expand(tag), err
}
