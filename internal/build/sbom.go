package build

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/verify"
)

// sboms are the SBOMs of the components, in the order of the verification's results.
type sboms struct {
	results []verify.Result
	found   [][]verify.SBOM
}

// attestedSBOMs finds those that go beside the image: none, where none are wanted.
func attestedSBOMs(ctx context.Context, verified *verify.Verified, opts Options) (sboms, error) {
	if opts.NoSBOM {
		return sboms{}, nil
	}
	found, err := verified.SBOMs(ctx, opts.Report)
	return sboms{verified.Results(), found}, err
}

// add writes them into the folder, each once, and says in the set whose they are.
func (s sboms) add(ctx context.Context, folder *artifacts.Folder, set *artifacts.Set, opts Options) error {
	paths := map[string]string{} // by hash
	for i, result := range s.results {
		var own []string
		for _, sbom := range s.found[i] {
			if paths[sbom.SHA256] == "" {
				file, err := writeSBOM(ctx, folder, nameSBOM(set, opts.Name, result.Component.Uses[0]), sbom, opts)
				if err != nil {
					return err
				}
				set.Files = append(set.Files, file)
				paths[sbom.SHA256] = file.Path
			}
			own = append(own, paths[sbom.SHA256])
		}
		set.Attach(result.Component.Reference.Name(), own)
	}
	return nil
}

func writeSBOM(ctx context.Context, folder *artifacts.Folder, base string, sbom verify.SBOM, opts Options) (artifacts.File, error) {
	file, err := folder.Add(ctx, base, opts.Report.Begin(base, 0), func(w io.Writer) error {
		_, err := w.Write(sbom.Content)
		return err
	})
	if err != nil {
		return file, fmt.Errorf("%s: %w", base, err)
	}
	file.Format, file.Kind = sbom.Form, artifacts.KindSBOM
	return file, nil
}

// maxSBOMName bounds what of a component's name goes into that of a file, in bytes.
const maxSBOMName = 100

// nameSBOM names a file after the first entry that the component is for. The second of
// that name has -2 behind it, and so on.
func nameSBOM(set *artifacts.Set, name string, use manifest.Use) string {
	stem := fmt.Sprintf("%s-sbom-%s-%s", name, use.Role, use.Name[:min(len(use.Name), maxSBOMName)])
	base := stem + artifacts.SBOMSuffix
	for n := 2; slices.ContainsFunc(set.Files, func(f artifacts.File) bool { return f.Path == base }); n++ {
		base = fmt.Sprintf("%s-%d%s", stem, n, artifacts.SBOMSuffix)
	}
	return base
}
