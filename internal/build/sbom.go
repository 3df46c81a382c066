package build

import (
	"context"
	"fmt"

	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/verify"
)

// sboms are the SBOMs of the components, in the order of the verification's results.
type sboms struct {
	results []verify.Result
	found   [][]verify.SBOM
}

// attestedSBOMs returns the attested SBOMs of the components, or none with NoSBOM.
func attestedSBOMs(ctx context.Context, verified *verify.Verified, opts Options) (sboms, error) {
	if opts.NoSBOM {
		return sboms{}, nil
	}
	found, err := verified.SBOMs(ctx, opts.Report)
	return sboms{results: verified.Results(), found: found}, err
}

// add writes each SBOM once, and lists its file in the components that it describes.
func (s sboms) add(ctx context.Context, folder *artifacts.Folder, set *artifacts.Set, opts Options) error {
	written := map[string]string{} // path by SHA-256
	for i, result := range s.results {
		var paths []string
		for _, sbom := range s.found[i] {
			if written[sbom.SHA256] == "" {
				file, err := writeSBOM(ctx, folder, nameSBOM(set, opts.Name, result.Component.Uses[0]), sbom, opts)
				if err != nil {
					return err
				}
				set.Files = append(set.Files, file)
				written[sbom.SHA256] = file.Path
			}
			paths = append(paths, written[sbom.SHA256])
		}
		set.SetSBOMs(result.Component.Reference.Name(), paths)
	}
	return nil
}

func writeSBOM(ctx context.Context, folder *artifacts.Folder, base string, sbom verify.SBOM, opts Options) (artifacts.File, error) {
	file, err := folder.Add(ctx, base, opts.Report.Begin(base, 0), writeBytes(sbom.Content))
	if err != nil {
		return file, fmt.Errorf("%s: %w", base, err)
	}
	file.Format, file.Kind = sbom.Format, artifacts.KindSBOM
	return file, nil
}

// maxSBOMName bounds the part of a file name that is the name of a component, in bytes.
const maxSBOMName = 100

// nameSBOM returns the name of the next SBOM of a component, by the first entry that uses
// it: NAME-sbom-ROLE-ENTRY.intoto.json, then with -2, -3, … appended to ENTRY.
func nameSBOM(set *artifacts.Set, name string, use manifest.Use) string {
	stem := fmt.Sprintf("%s-sbom-%s-%s", name, use.Role, use.Name[:min(len(use.Name), maxSBOMName)])
	base := stem + artifacts.SBOMSuffix
	listed := func(path string) bool { _, found := set.FindPath(path); return found }
	for n := 2; listed(base); n++ {
		base = fmt.Sprintf("%s-%d%s", stem, n, artifacts.SBOMSuffix)
	}
	return base
}
