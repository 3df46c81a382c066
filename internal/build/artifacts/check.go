package artifacts

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/org/linuxkit-action/internal/workspace"
)

// maxName bounds the name of a file, in bytes. Suffixes of a release are added to it.
const maxName = 200

// CheckName rejects a name of a build or of one of its files that is not the name of a
// plain file in one folder: separators, ".", "..", control and format characters.
func CheckName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return errors.New("not a file name")
	case len(name) > maxName:
		return fmt.Errorf("longer than %d bytes", maxName)
	case strings.ContainsAny(name, `/\`):
		return errors.New("has a path separator")
	case !printable(name):
		return errors.New("has a control character")
	}
	return nil
}

// printable reports whether text has no control, format or invalid character.
func printable(text string) bool {
	return utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

// check rejects another version, and names, paths and digests that build does not write.
// The list may come from another machine: nothing in it is used before.
func (s *Set) check(path string) error {
	if s.Version != Version {
		return fmt.Errorf("%w: %s has version %d, this program reads version %d; build the image again", ErrUnreadable, path,
			s.Version, Version)
	}
	if err := s.checkContent(); err != nil {
		return fmt.Errorf("%w: %s: %w; build the image again", ErrUnreadable, path, err)
	}
	return nil
}

func (s *Set) checkContent() error {
	if err := CheckName(s.Name); err != nil {
		return fmt.Errorf("name %.80q: %w", s.Name, err)
	}
	if !printable(s.Arch) || !printable(s.Init) {
		return errors.New("arch or init has a control character")
	}
	if len(s.Files) == 0 {
		return errors.New("it lists no files")
	}
	known := map[string]File{}
	for _, f := range s.Files {
		if err := s.checkFile(f); err != nil {
			return fmt.Errorf("file %.80q: %w", f.Path, err)
		}
		other, twice := known[f.Path]
		if twice && (other.SHA256 != f.SHA256 || other.Size != f.Size) {
			return fmt.Errorf("file %.80q: listed with two digests", f.Path)
		}
		known[f.Path] = f
	}
	for _, c := range s.Components {
		if err := c.check(known); err != nil {
			return fmt.Errorf("component %.80q: %w", c.Name, err)
		}
	}
	return nil
}

func (s *Set) checkFile(f File) error {
	if err := CheckName(f.Path); err != nil {
		return err
	}
	switch {
	case strings.HasSuffix(f.Path, Suffix):
		return errors.New("the list cannot list a list")
	case !printable(f.Format) || !printable(f.Kind):
		return errors.New("format or kind has a control character")
	case !sha256Hex.MatchString(f.SHA256):
		return fmt.Errorf("sha256 %.80q is not 64 hexadecimal digits", f.SHA256)
	case f.Size < 0:
		return errors.New("negative size")
	}
	if info, err := os.Lstat(s.Abs(f)); err == nil && !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	return nil
}

func (c Component) check(files map[string]File) error {
	for _, text := range []string{c.Role, c.Name, c.Reference, c.IndexDigest, c.Signer, c.Rule, c.Verdict} {
		if !printable(text) {
			return errors.New("has a control character")
		}
	}
	for _, path := range c.SBOMs {
		if _, listed := files[path]; !listed {
			return fmt.Errorf("SBOM %.80q is not in files", path)
		}
	}
	return nil
}

// Open opens a file of the set. It is regular and no symbolic link.
func (s *Set) Open(f File) (*os.File, error) { return workspace.OpenExact(s.Abs(f)) }
