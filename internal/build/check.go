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
	known := ManifestFormats()
	for _, o := range m.Outputs {
		if o.Format != "" && !slices.Contains(known, o.Format) {
			problems = append(problems,
				o.Problem("format", "there is no format %q%s", o.Format, orList(strict.Nearest(o.Format, known))))
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
		return "; there are: " + strings.Join(FormatNames(), ", ")
	}
	return "; did you mean " + near + "?"
}
