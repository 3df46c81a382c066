package manifest

import (
	"path"
	"regexp"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// entryName is what an entry may be called. The name becomes a folder, a cgroup
// and a container id (runc: [\w+-.]), and stands in PID 1's records.
var entryName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$`)

// validate finds the mistakes of one file that need no other file and no network.
func (m *Manifest) validate() []strict.Problem {
	var problems []strict.Problem
	for _, u := range m.Images() {
		if u.Image == "" {
			continue // told already: it is missing, or no string
		}
		if _, err := ParseReference(u.Image); err != nil {
			problems = append(problems, strict.Problem{Place: u.Place, Path: u.Path + ": image", Text: "not an image reference: " + err.Error()})
		}
	}
	for _, section := range m.Sections() {
		for _, e := range section.Entries {
			problems = append(problems, e.validate()...)
		}
	}
	for _, f := range m.Files {
		problems = append(problems, f.validate()...)
	}
	for _, image := range m.Trust.Image {
		if _, err := ParseReference(image); err != nil {
			problems = append(problems, m.Trust.Problem("image", "not an image reference: %v", err))
		}
	}
	if strings.ContainsAny(m.Kernel.Cmdline, "\n\x00") {
		problems = append(problems, m.Kernel.Problem("cmdline", "must be one line"))
	}
	return problems
}

func (e Entry) validate() []strict.Problem {
	var problems []strict.Problem
	if e.Name != "" && !entryName.MatchString(e.Name) {
		problems = append(problems, e.Problem("name", "%q must be letters, digits and _.+- (64 at most), starting with a letter or digit", e.Name))
	}
	return append(problems, e.validateSettings()...)
}

// validateSettings parses what is written as text, for its mistakes.
func (e Entry) validateSettings() []strict.Problem {
	var problems []strict.Problem
	note := func(key string, err error) {
		if err != nil {
			problems = append(problems, e.Problem(key, "%v", err))
		}
	}
	for key, caps := range map[string][]string{"capabilities": e.Capabilities, "capabilities.add": e.CapabilitiesAdd, "ambient": e.Ambient} {
		_, err := ExpandCapabilities(caps)
		note(key, err)
	}
	for key, binds := range map[string][]string{"binds": e.Binds, "binds.add": e.BindsAdd} {
		for _, b := range binds {
			_, err := ParseBind(b)
			note(key, err)
		}
	}
	for _, t := range e.Tmpfs {
		_, err := ParseTmpfs(t)
		note("tmpfs", err)
	}
	for _, r := range e.Rlimits {
		_, err := ParseRlimit(r)
		note("rlimits", err)
	}
	for _, d := range e.Devices {
		_, err := d.FileMode()
		note("devices", err)
	}
	for _, m := range e.Mounts {
		_, err := m.Complete()
		note("mounts", err)
	}
	return problems
}

// clean returns a path inside the image without a leading slash, or "" where the
// path is the root itself or leads out of it.
func clean(p string) string {
	p = strings.TrimPrefix(path.Clean("/"+p), "/")
	return p
}

// Clean returns the path of the file inside the image, without a leading slash.
func (f File) Clean() string { return clean(f.Path) }
