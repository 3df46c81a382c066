package manifest

import (
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Formats of a volume.
const (
	VolumeFilesystem = "filesystem"
	VolumeOCI        = "oci"
)

// VolumesDir is where volumes lie in the system.
const VolumesDir = "/containers/volumes"

// Volume is a directory that containers share. It lives in memory, over what its
// image has in it.
type Volume struct {
	strict.At
	Name      string   `yaml:"name,required"` // what binds call it
	Image     Image    `yaml:"image"`         // what is in it; blank where there is none
	Format    string   `yaml:"format"`        // filesystem (default): the image's files; oci: the image itself, as an OCI layout
	Platforms []string `yaml:"platforms"`     // of format oci: which images of the index, as os/arch[/variant]; all by default
	Readonly  bool     `yaml:"readonly"`      // nobody can write to it
}

// volumeName is LinuxKit's, but for the empty name.
var volumeName = regexp.MustCompile(`^[a-z0-9_-]+$`)

// Dir returns where the volume lies in the system.
func (v Volume) Dir() string { return VolumesDir + "/" + v.Name }

// Merged returns the directory that containers bind.
func (v Volume) Merged() string { return v.Dir() + "/merged" }

// Layout reports whether the volume holds its image as an OCI layout.
func (v Volume) Layout() bool { return v.Format == VolumeOCI && v.Image != "" }

// Wants reports whether a layout holds the image for a platform.
func (v Volume) Wants(platform *v1.Platform) bool {
	if len(v.Platforms) == 0 || platform == nil {
		return len(v.Platforms) == 0
	}
	return slices.ContainsFunc(v.Platforms, func(text string) bool {
		wanted, err := v1.ParsePlatform(text)
		return err == nil && platform.Satisfies(*wanted)
	})
}

// Check finds mistakes within the volume.
func (v *Volume) Check() []strict.Problem {
	var problems []strict.Problem
	if v.Has("name") && !volumeName.MatchString(v.Name) {
		problems = append(problems, v.Problem("name", "%q must be small letters, digits, _ and -", v.Name))
	}
	if formats := []string{VolumeFilesystem, VolumeOCI}; v.Format != "" && !slices.Contains(formats, v.Format) {
		problems = append(problems,
			v.Problem("format", "%q must be %s%s", v.Format, strings.Join(formats, " or "), meant(v.Format, formats)))
	}
	for _, text := range v.Platforms {
		if p, err := v1.ParsePlatform(text); err != nil || p.OS == "" || p.Architecture == "" {
			problems = append(problems, v.Problem("platforms", "%q must be os/arch or os/arch/variant, such as linux/arm64", text))
		}
	}
	return problems
}
