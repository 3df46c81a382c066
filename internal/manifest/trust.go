package manifest

import (
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Trust lists images that must be signed, as in Moby's manifests. LinuxKit accepts it and
// ignores it; here it is enforced, with the signers of the policy.
type Trust struct {
	strict.At
	Image []Image  `yaml:"image"` // references; one without a tag matches every tag
	Org   []string `yaml:"org"`   // organisations of Docker Hub, or HOST/ORG
}

// Requires reports whether a reference must be signed.
func (t Trust) Requires(reference name.Reference) bool {
	repository := reference.Context().Name()
	org := repository[:strings.LastIndexByte(repository, '/')]
	for _, prefix := range t.Org {
		if !strings.Contains(prefix, "/") {
			prefix = name.DefaultRegistry + "/" + prefix
		}
		if org == prefix || strings.HasPrefix(org, prefix+"/") {
			return true
		}
	}
	return slices.ContainsFunc(t.Image, func(image Image) bool {
		wanted, err := ParseReference(string(image))
		if err != nil || wanted.Context().Name() != repository {
			return false
		}
		return isUntagged(string(image)) || wanted.Name() == reference.Name()
	})
}

// shortestForm reports whether a reference has neither tag nor digest.
func isUntagged(image string) bool {
	return !strings.ContainsAny(image[strings.LastIndexByte(image, '/')+1:], ":@")
}
