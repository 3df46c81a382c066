package build

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// linuxKitFormats are those that `linuxkit build` knows; a manifest may ask for them
// whether this version makes them or not.
var linuxKitFormats = []string{
	"aws", "docker", "dynamic-vhd", "gcp", "iso-bios", "iso-efi", "iso-efi-initrd", "kernel+erofs", "kernel+initrd", "kernel+iso",
	"kernel+squashfs", "qcow2-bios", "qcow2-efi", "raw-bios", "raw-efi", "rpi3", "tar", "tar-kernel-initrd", "vhd", "vmdk",
	"qcow2", "iso", // short for those with -bios
}

// Check finds the mistakes of a manifest that show without any of its images: files that
// cannot be copied, formats that do not exist. The error has the form of manifest.Load's.
func Check(m *manifest.Manifest, allowOutside bool) error {
	var problems []strict.Problem
	for _, f := range m.Files {
		if text := checkSource(f, allowOutside); text != "" {
			problems = append(problems, f.Problem("source", "%s", text))
		}
	}
	problems = append(problems, checkInitConfig(m, allowOutside)...)
	known := slices.Concat(Formats(), linuxKitFormats)
	for _, o := range m.Outputs {
		if o.Format != "" && !slices.Contains(known, o.Format) {
			problems = append(problems, o.Problem("format", "there is no format %q%s", o.Format, orList(strict.Nearest(o.Format, known))))
		}
	}
	return strict.Join(problems)
}

// checkSource says why a file cannot be copied. One that is named by its full path, or
// from the home folder, is not of the repository but of the machine that builds; it is
// looked for there and then.
func checkSource(f manifest.File, allowOutside bool) string {
	if f.Source == "" || filepath.IsAbs(atHome(f.Source)) {
		return ""
	}
	file, _, err := openSource(f, allowOutside)
	if errors.Is(err, fs.ErrNotExist) && f.Optional {
		return ""
	}
	if err != nil {
		return strings.TrimPrefix(err.Error(), "source ") // the key is named already
	}
	file.Close()
	return ""
}

func orList(near string) string {
	if near == "" {
		return "; there are: " + strings.Join(Formats(), ", ")
	}
	return "; did you mean " + near + "?"
}
