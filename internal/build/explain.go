package build

import (
	"context"
	"fmt"

	"github.com/org/linuxkit-action/internal/build/bundle"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/verify"
)

// Explanation is the effective configuration of a manifest.
type Explanation struct {
	Init         string   // the PID 1 of the system, and why
	Improvements []string // what the built-in PID 1 does better, if it is not used
	Entries      []ExplainedEntry
}

// ExplainedEntry is one container with all its effective settings.
type ExplainedEntry struct {
	Section  string // onboot, onshutdown or services
	Name     string
	Image    string // reference and digest
	Settings []bundle.Setting
}

// improvements lists what stock inits lack (LinuxKit's issues 4121, 3567, 3087, 2226).
var improvements = []string{
	"failed services restart, with exponential backoff",
	"an onboot container that fails or hangs is reported, and does not block the boot",
	"services stop in order, each with a timeout before SIGKILL",
	"the root file system is used in place, not copied at boot",
	"a boot test reads structured records instead of console text",
}

// Explain returns the effective configuration. It fetches the layers of init images to
// find the one with /init; of other images it reads the config only.
func Explain(ctx context.Context, verified *verify.Verified, opts Options) (*Explanation, error) {
	m := verified.Manifest()
	components := map[string]*component.Component{}
	for _, result := range verified.Results() {
		for _, use := range result.Component.Uses {
			components[use.Image] = result.Component
		}
	}
	out := &Explanation{}
	for _, section := range m.Sections() {
		for _, e := range section.Entries {
			explained, err := explainEntry(section, m.ResolveVolumes(e), components[string(e.Image)])
			if err != nil {
				return nil, err
			}
			out.Entries = append(out.Entries, explained)
		}
	}
	image, err := findInit(ctx, m, components, opts)
	if err != nil {
		return nil, err
	}
	out.explainInit(m, image, opts.Init)
	return out, nil
}

func explainEntry(section manifest.Section, e manifest.Entry, c *component.Component) (ExplainedEntry, error) {
	settings, err := bundle.Explain(e, c.Config.Config)
	return ExplainedEntry{
		Section:  section.Dir,
		Name:     e.Name,
		Image:    manifest.Canonical(string(e.Image)) + " " + c.PlatformDigest.String(),
		Settings: settings,
	}, err
}

// findInit returns the last init image that contains /init, or "".
func findInit(
	ctx context.Context, m *manifest.Manifest, components map[string]*component.Component, opts Options,
) (string, error) {
	found := ""
	for _, init := range m.Init {
		image, err := components[string(init.Image)].Unpack(ctx, opts.Cache, opts.Report)
		if err != nil {
			return "", err
		}
		if _, ok := image.Tree.Get("init"); ok {
			found = string(init.Image)
		}
		image.Close()
	}
	return found, nil
}

// explainInit describes the choice of PID 1. image is the init image with /init, or "".
func (x *Explanation) explainInit(m *manifest.Manifest, image, choice string) {
	switch {
	case image == "" && choice == InitManifest:
		x.Init = "none: no init image contains /init, and --init manifest excludes the built-in PID 1"
	case image == "":
		x.Init = "builtin: no init image contains /init"
	case choice == InitBuiltin:
		x.Init = fmt.Sprintf("builtin, replaces /init of %s: --init builtin", image)
	case choice == InitAuto && m.RequestsBuiltinInit():
		x.Init = fmt.Sprintf("builtin, replaces /init of %s: requested by packages", image)
	default:
		x.Init, x.Improvements = "/init of "+image, improvements
	}
}
