package manifest

import (
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// ParseReference reads an image reference with LinuxKit's short forms: "alpine" is
// docker.io/library/alpine, "linuxkit/init" is docker.io/linuxkit/init. A reference
// without tag or digest means the tag latest.
func ParseReference(image string) (name.Reference, error) {
	return name.ParseReference(expand(image))
}

// Canonical returns a reference as LinuxKit writes it where it records one: with its
// short forms expanded, and no tag added.
func Canonical(image string) string { return expand(image) }

func expand(image string) string {
	head, _, several := strings.Cut(image, "/")
	switch {
	case !several:
		return "docker.io/library/" + image
	case strings.Count(image, "/") > 1 || strings.ContainsAny(head, ".:") || head == "localhost":
		return image
	}
	return "docker.io/" + image
}

// shortName is the last part of a reference without tag and digest.
func shortName(image string) string {
	image, _, _ = strings.Cut(image, "@")
	image = image[strings.LastIndexByte(image, '/')+1:]
	image, _, _ = strings.Cut(image, ":")
	return image
}
