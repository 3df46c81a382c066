package build

import (
	"io"

	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/pid1/config"
)

// initConfig is where PID 1 looks for its configuration.
const initConfig = "etc/init/config.yml"

// checkInitConfig reads the configuration of PID 1, if the manifest brings one, with
// PID 1's own eyes. PID 1 would boot all the same; here a mistake can still be mended.
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
		parsed, mistakes := config.Parse(text)
		for _, p := range append(mistakes, parsed.Check(called(m.Onboot), called(m.Services))...) {
			problems = append(problems, placeMistake(f, p))
		}
	}
	return problems
}

// placeMistake tells a mistake on the line of the manifest that it stands in, or else
// on that of the source, with its line in the file.
func placeMistake(f manifest.File, p config.Problem) strict.Problem {
	if f.Source != "" {
		return f.Problem("source", "%s, line %d: %s", f.Source, p.Line, p.Text)
	}
	problem := f.Problem("contents", "%s", p.Text)
	problem.Place = f.Contents.PlaceOf(p.Line, problem.Place)
	return problem
}

// readSource reads a file of the repository; one that cannot be read is told elsewhere.
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

// called returns the names of entries.
func called(entries []manifest.Entry) []string {
	var list []string
	for _, e := range entries {
		list = append(list, e.Name)
	}
	return list
}
