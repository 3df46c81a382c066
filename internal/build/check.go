package build

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/pid1/config"
)

// Check finds the errors in a manifest that need none of its images: files that cannot be
// copied, unknown formats, an invalid configuration of PID 1. Like manifest.Load it
// returns a *strict.Error.
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
			problems = append(problems, o.Problem("format", "unknown format %q%s", o.Format, suggestFormat(o.Format)))
		}
	}
	return strict.Join(problems)
}

// checkSource returns why a file cannot be copied, or "". An absolute path, also one
// below the home folder, belongs to the machine that builds: it is checked by the build.
func checkSource(f manifest.File, allowOutside bool) string {
	if f.Source == "" || filepath.IsAbs(expandHome(f.Source)) {
		return ""
	}
	file, _, err := openSource(f, allowOutside)
	if errors.Is(err, fs.ErrNotExist) && f.Optional {
		return ""
	}
	if err != nil {
		return strings.TrimPrefix(err.Error(), "source ") // the problem already names the key
	}
	file.Close()
	return ""
}

// suggestFormat ends an error about an unknown format.
func suggestFormat(name string) string {
	if near := strict.Nearest(name, ManifestFormats()); near != "" {
		return "; did you mean " + near + "?"
	}
	return "; available formats: " + strings.Join(FormatNames(), ", ")
}

// initConfig is the path of the configuration of the built-in PID 1.
const initConfig = "etc/init/config.yml"

// checkInitConfig parses the configuration of PID 1, if the manifest has one, with the
// parser of PID 1. At boot PID 1 would only log the errors and use its defaults.
func checkInitConfig(m *manifest.Manifest, allowOutside bool) []strict.Problem {
	var problems []strict.Problem
	for _, f := range m.Files {
		if f.Clean() != initConfig {
			continue
		}
		text := []byte(f.Contents.Value)
		if f.Source != "" {
			text = readSource(f, allowOutside)
		}
		parsed, found := config.Parse(text)
		for _, p := range append(found, parsed.Check(entryNames(m.Onboot), entryNames(m.Services))...) {
			problems = append(problems, configProblem(f, p))
		}
	}
	return problems
}

// configProblem reports an error at its line of the manifest, or for a file of its own at
// the source key, with the line in that file.
func configProblem(f manifest.File, p config.Problem) strict.Problem {
	if f.Source != "" {
		return f.Problem("source", "%s, line %d: %s", f.Source, p.Line, p.Text)
	}
	problem := f.Problem("contents", "%s", p.Text)
	problem.Place = f.Contents.PlaceOf(p.Line, problem.Place)
	return problem
}

// readSource reads a file of the repository, or nothing on an error, which checkSource
// reports.
func readSource(f manifest.File, allowOutside bool) []byte {
	file, _, err := openSource(f, allowOutside)
	if err != nil {
		return nil
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, config.MaxBytes+1))
	if err != nil {
		return nil
	}
	return text
}

func entryNames(entries []manifest.Entry) []string {
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}
