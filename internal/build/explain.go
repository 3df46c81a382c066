package build

import (
	"context"
	"fmt"

	"github.com/org/linuxkit-action/internal/build/bundle"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/verify"
)

// Explanation is what a manifest comes to, before anything is built.
type Explanation struct {
	Init    string   // whose PID 1 the system gets, in words
	Gains   []string // what ours would do better, where it is not ours
	Entries []ExplainedEntry
}

// ExplainedEntry is one container with every setting that is in effect.
type ExplainedEntry struct {
	Section  string // onboot, onshutdown or services
	Name     string
	Image    string // reference and digest
	Settings []bundle.Setting
}

// gains are what stock inits do not do (LinuxKit's issues 4121, 3567, 3087, 2226).
var gains = []string{
	"services that fail are started again, with a growing pause",
	"an onboot container that fails or hangs is reported, and does not hold up the boot for ever",
	"services are stopped in order, each with time to end, not killed",
	"the root is used where it is, not copied at boot",
	"a boot test reads what happened from records, not from what happens to be printed",
}

// Explain tells what is in effect. The layers of init images are fetched, to see which
// of them brings /init; of the others only the config is read.
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
	theirs, err := findInit(ctx, m, components, opts)
	if err != nil {
		return nil, err
	}
	out.tellInit(m, theirs, opts.Init)
	return out, nil
}

func explainEntry(section manifest.Section, e manifest.Entry, c *component.Component) (ExplainedEntry, error) {
	settings, err := bundle.Explain(e, c.Config.Config)
	return ExplainedEntry{
		Section: section.Dir, Name: e.Name,
		Image:    manifest.Canonical(string(e.Image)) + " " + c.PlatformDigest.String(),
		Settings: settings,
	}, err
}

// findInit returns the last init image that brings /init, or "".
func findInit(ctx context.Context, m *manifest.Manifest, components map[string]*component.Component, opts Options) (string, error) {
	theirs := ""
	for _, init := range m.Init {
		image, err := components[string(init.Image)].Unpack(ctx, opts.Cache, opts.Report)
		if err != nil {
			return "", err
		}
		if _, brings := image.Tree.Get("init"); brings {
			theirs = string(init.Image)
		}
		image.Close()
	}
	return theirs, nil
}

func (x *Explanation) tellInit(m *manifest.Manifest, theirs, choice string) {
	switch {
	case theirs == "" && choice == InitManifest:
		x.Init = "none: no init image has /init, and --init manifest leaves ours out"
	case theirs == "":
		x.Init = "builtin: no init image has /init"
	case choice == InitBuiltin:
		x.Init = fmt.Sprintf("builtin, over /init of %s: --init builtin", theirs)
	case choice == InitAuto && m.WantsInit():
		x.Init = fmt.Sprintf("builtin, over /init of %s: packages asks for it", theirs)
	default:
		x.Init, x.Gains = "/init of "+theirs, gains
	}
}
