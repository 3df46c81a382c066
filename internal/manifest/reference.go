package manifest

import (
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/org/linuxkit-action/internal/imageref"
	"github.com/org/linuxkit-action/internal/manifest/gitpkg"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Image is an image reference, with LinuxKit's short forms. The template @pkg:DIR is
// replaced by the reference of the LinuxKit package in DIR, relative to the manifest.
type Image string

const packageTemplate = "@pkg:"

// DecodeYAML decodes a reference and resolves its template.
func (i *Image) DecodeYAML(n strict.Node) {
	var text string
	n.Into(&text)
	if text == "" {
		if n.IsText() {
			n.Problem("image reference is empty")
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
		n.Problem("unknown template %q; use %sDIR", text, packageTemplate)
		return
	}
	if _, err := ParseReference(text); err != nil {
		n.Problem("not an image reference: %v", err)
		return
	}
	*i = Image(text)
}

// packageImage returns the reference of the package in dir, relative to the manifest file.
func packageImage(file, dir string) (string, error) {
	if !isLocal(file) {
		return "", gitpkg.ErrRemote
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(filepath.Dir(file), dir)
	}
	tag, err := gitpkg.Tag(dir)
	return Canonical(tag), err
}

// ParseReference parses an image reference with LinuxKit's short forms, and normalizes it
// (package imageref). Without tag and digest the tag is latest.
func ParseReference(image string) (name.Reference, error) { return imageref.ParseReference(image) }

// Canonical returns a reference as LinuxKit records it: short forms expanded, no tag added.
func Canonical(image string) string { return imageref.Canonical(image) }

// shortName returns the last path element of a reference, without tag and digest.
func shortName(image string) string {
	image, _, _ = strings.Cut(image, "@")
	image = image[strings.LastIndexByte(image, '/')+1:]
	image, _, _ = strings.Cut(image, ":")
	return image
}
