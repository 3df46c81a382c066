package boottest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/boottest/spec"
	"github.com/org/linuxkit-action/internal/build"
	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// firmware lists what package machine can boot with.
var firmware = []build.Firmware{build.DirectKernel}

// bootable returns the names of the formats that the boot test can boot.
func bootable() []string {
	var names []string
	for _, f := range build.Formats() {
		if f.BootsWith(firmware...) {
			names = append(names, f.Name)
		}
	}
	return names
}

// builtin is the value of artifacts.Set.Init for an image with the built-in PID 1.
const builtin = "builtin"

// plan returns the formats to boot, and a note on each format that is not booted. It
// returns all mistakes of the spec, checked against the image, in one error.
func plan(set *artifacts.Set, s spec.Spec) (formats, notes []string, err error) {
	if err := strict.Join(append(checkFormats(set, s), checkNames(set, s)...)); err != nil {
		return nil, nil, err
	}
	for _, f := range set.Formats() {
		switch {
		case len(s.Formats) > 0 && !slices.Contains(s.Formats, f):
		case slices.Contains(bootable(), f):
			formats = append(formats, f)
		default:
			notes = append(notes, fmt.Sprintf("%s is not booted: the boot test supports %s", f, strings.Join(bootable(), ", ")))
		}
	}
	if len(formats) == 0 {
		return nil, nil, fmt.Errorf("%w boot test: nothing to boot: %s has %s; build --format %s", ErrSpec, set.Name,
			strings.Join(set.Formats(), ", "), strings.Join(bootable(), " or --format "))
	}
	return formats, notes, nil
}

func checkFormats(set *artifacts.Set, s spec.Spec) []strict.Problem {
	var problems []strict.Problem
	for _, f := range s.Formats {
		switch {
		case !slices.Contains(bootable(), f):
			problems = append(problems, s.Problem("formats", "%.40q cannot be boot-tested; supported: %s", f, strings.Join(bootable(), ", ")))
		case !slices.Contains(set.Formats(), f):
			problems = append(problems, s.Problem("formats", "%s was not built; the build has %s", f, strings.Join(set.Formats(), ", ")))
		}
	}
	return problems
}

// checkNames rejects expectations that no boot of the image can meet.
func checkNames(set *artifacts.Set, s spec.Spec) []strict.Problem {
	var problems []strict.Problem
	for _, e := range s.Expect {
		role, name := e.Kind(), e.Service+e.Onboot
		if role != "service" && role != "onboot" {
			continue
		}
		names := set.Names(role)
		switch near := strict.Nearest(name, names); {
		case set.Init != builtin:
			problems = append(problems, e.Problem(role,
				"the image's init (%s) does not report it; expect http, tcp or console, or build with --init builtin", set.Init))
		case slices.Contains(names, name):
		case near != "":
			problems = append(problems, e.Problem(role, "the image has no %s %.60q; did you mean %q?", role, name, near))
		default:
			problems = append(problems, e.Problem(role, "the image has no %s %.60q; it has %s", role, name, strings.Join(names, ", ")))
		}
	}
	return problems
}
