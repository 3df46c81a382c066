package boottest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
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

// builtin is artifacts.Set.Init for an image with our PID 1.
const builtin = "builtin"

// plan returns the formats to boot, and a note on each that is not. Mistakes of the
// spec, measured against the image, are told all at once.
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
			notes = append(notes, fmt.Sprintf("%s was built and not booted: only %s can be boot-tested", f, strings.Join(bootable(), ", ")))
		}
	}
	if len(formats) == 0 {
		return nil, nil, fmt.Errorf("%w boot test: nothing to boot: %s has %s; build --format %s", ErrSpec, set.Name, strings.Join(set.Formats(), ", "), strings.Join(bootable(), " or --format "))
	}
	return formats, notes, nil
}

func checkFormats(set *artifacts.Set, s spec.Spec) []strict.Problem {
	var found []strict.Problem
	for _, f := range s.Formats {
		switch {
		case !slices.Contains(bootable(), f):
			found = append(found, s.Problem("formats", "%.40q cannot be boot-tested; these can: %s", f, strings.Join(bootable(), ", ")))
		case !slices.Contains(set.Formats(), f):
			found = append(found, s.Problem("formats", "%s was not built; build has made %s", f, strings.Join(set.Formats(), ", ")))
		}
	}
	return found
}

// checkNames refuses to wait for what can never be proved.
func checkNames(set *artifacts.Set, s spec.Spec) []strict.Problem {
	var found []strict.Problem
	for _, e := range s.Expect {
		role, name := e.Kind(), e.Service+e.Onboot
		if role != "service" && role != "onboot" {
			continue
		}
		names := set.Names(role)
		switch near := strict.Nearest(name, names); {
		case set.Init != builtin:
			found = append(found, e.Problem(role, "the image's own init (%s) does not tell this; expect http, tcp or console, or build with --init builtin", set.Init))
		case slices.Contains(names, name):
		case near != "":
			found = append(found, e.Problem(role, "the image has no %s %.60q; did you mean %q?", role, name, near))
		default:
			found = append(found, e.Problem(role, "the image has no %s %.60q; it has %s", role, name, strings.Join(names, ", ")))
		}
	}
	return found
}

// files are the parts of a format to boot.
type files struct {
	kernel, initrd, cmdline string
	bytes                   int64 // of all files of the format
}

// maxCmdline is more than any kernel reads (COMMAND_LINE_SIZE is 2048 on x86).
const maxCmdline = 64 << 10

// locate finds the files of a format and makes sure that they are what build made.
func locate(set *artifacts.Set, format string) (files, error) {
	var found files
	for _, f := range set.Files {
		if f.Format == format {
			found.bytes += f.Size
		}
	}
	for _, part := range []struct {
		kind string
		path *string
	}{
		{kind: artifacts.KindKernel, path: &found.kernel},
		{kind: artifacts.KindInitrd, path: &found.initrd},
		{kind: artifacts.KindCmdline, path: &found.cmdline},
	} {
		f, ok := set.Find(format, part.kind)
		if !ok {
			return found, fmt.Errorf("%w: format %s has no %s; build again", ErrBuild, format, part.kind)
		}
		*part.path = set.Abs(f)
		if err := checkDigest(*part.path, f); err != nil {
			return found, err
		}
	}
	cmdline, err := readCmdline(found.cmdline)
	found.cmdline = cmdline
	return found, err
}

func checkDigest(path string, want artifacts.File) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w; build again", ErrBuild, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("%w: %w", ErrBuild, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want.SHA256 {
		return fmt.Errorf("%w: %s is not the file that build made (sha256 %s, not %s); build again", ErrBuild, path, got, want.SHA256)
	}
	return nil
}

func readCmdline(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrBuild, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCmdline+1))
	if err == nil && len(text) > maxCmdline {
		err = fmt.Errorf("%s is longer than %d bytes", path, maxCmdline)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrBuild, err)
	}
	return strings.TrimSpace(string(text)), nil
}
