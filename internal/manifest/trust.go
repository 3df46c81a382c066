package manifest

import (
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Trust names images that must be signed, as Moby's manifests did. LinuxKit accepts it
// and checks nothing; here it is held to: a policy must say by whom.
type Trust struct {
	strict.At
	Image []Image  `yaml:"image"` // references; one without a tag means every tag
	Org   []string `yaml:"org"`   // organisations of Docker Hub, or HOST/ORG
}

// Demands reports whether a reference must be signed.
func (t Trust) Demands(reference name.Reference) bool {
	repository := reference.Context().Name()
	org := repository[:strings.LastIndexByte(repository, '/')]
	for _, wanted := range t.Org {
		if !strings.Contains(wanted, "/") {
			wanted = name.DefaultRegistry + "/" + wanted
		}
		if org == wanted || strings.HasPrefix(org, wanted+"/") {
			return true
		}
	}
	return slices.ContainsFunc(t.Image, func(image Image) bool {
		wanted, err := ParseReference(string(image))
		if err != nil || wanted.Context().Name() != repository {
			return false
		}
		return shortestForm(string(image)) || wanted.Name() == reference.Name()
	})
}

// shortestForm reports whether a reference has neither tag nor digest.
func shortestForm(image string) bool {
	return !strings.ContainsAny(image[strings.LastIndexByte(image, '/')+1:], ":@")
}
