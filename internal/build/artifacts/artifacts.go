// Package artifacts is the list of what one build left behind: NAME-artifacts.json.
//
// It is the only thing that assembling hands to the steps after it. The boot test
// reads from it what to boot and which services to wait for; publishing reads what
// to sign. Paths in the file are relative to it, so the folder can be moved.
package artifacts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/org/linuxkit-action/internal/verify"
)

// Version is the version of the format that this program writes and reads.
const Version = 1

// Suffix ends the name of every artifacts file.
const Suffix = "-artifacts.json"

// maxBytes bounds the file: it comes from a folder that others may have filled.
const maxBytes = 16 << 20

// ErrUnreadable is wrapped by every error of Load.
var ErrUnreadable = errors.New("no build to read")

// Set is one build.
type Set struct {
	Version    int         `json:"version"`
	Name       string      `json:"name"`
	Arch       string      `json:"arch"` // as in Go: amd64, arm64
	Init       string      `json:"init"` // whose PID 1: "builtin", or the reference of the image that brought it
	Files      []File      `json:"files"`
	Components []Component `json:"components"`

	dir string
}

// Kinds of files.
const (
	KindKernel    = "kernel"
	KindInitrd    = "initrd"
	KindCmdline   = "cmdline"
	KindInitrdTar = "initrd-tar" // the three, and microcode, as one archive
	KindTar       = "tar"        // root file system with /boot
	KindDocker    = "docker"     // that, as the context of a docker build
	KindSBOM      = "sbom"       // of a component, as its signers attested it; its format is that of the SBOM
)

// SBOMSuffix ends the name of every file of KindSBOM.
const SBOMSuffix = ".intoto.json"

// File is one file of one format. A format may have several.
type File struct {
	Format string `json:"format"`
	Kind   string `json:"kind"`
	Path   string `json:"path"` // relative to the artifacts file
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"` // bytes
}

// Component is one verified image that went in.
type Component struct {
	Role        string `json:"role"` // kernel, init, onboot, onshutdown, service
	Name        string `json:"name"`
	Reference   string `json:"reference"`
	IndexDigest string `json:"digest"`
	Signer      string `json:"signer,omitempty"`
	Bytes       int64  `json:"bytes"` // what it takes in the root file system, uncompressed

	Rule       string             `json:"rule,omitempty"`       // which rule of the policy decided
	Verdict    string             `json:"verdict,omitempty"`    // of verify: signed, accepted, refused (and let in by --verify warn), unchecked
	Signatures []verify.Signature `json:"signatures,omitempty"` // those that count, sorted by signer
	SBOMs      []string           `json:"sboms,omitempty"`      // paths of Files
}

// New returns an empty set for a folder.
func New(dir, name string) *Set { return &Set{Version: Version, Name: name, dir: dir} }

// Abs returns the path of f from the working directory.
func (s *Set) Abs(f File) string { return filepath.Join(s.dir, f.Path) }

// Dir returns the folder that holds the artifacts file.
func (s *Set) Dir() string { return s.dir }

// Find returns the file of a format and kind.
func (s *Set) Find(format, kind string) (File, bool) {
	for _, f := range s.Files {
		if f.Format == format && f.Kind == kind {
			return f, true
		}
	}
	return File{}, false
}

// Attach says of every component with a reference that these files are its SBOMs.
func (s *Set) Attach(reference string, sboms []string) {
	for i := range s.Components {
		if s.Components[i].Reference == reference {
			s.Components[i].SBOMs = sboms
		}
	}
}

// Formats returns each format of the image once, in the order of the file.
func (s *Set) Formats() []string {
	var formats []string
	seen := map[string]bool{}
	for _, f := range s.Files {
		if f.Kind != KindSBOM && !seen[f.Format] {
			formats = append(formats, f.Format)
		}
		seen[f.Format] = true
	}
	return formats
}

// Names returns the names of the components with a role, in manifest order.
func (s *Set) Names(role string) []string {
	var names []string
	for _, c := range s.Components {
		if c.Role == role {
			names = append(names, c.Name)
		}
	}
	return names
}

// JSON returns the content of the artifacts file.
func (s *Set) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	return append(b, '\n'), err
}

// Load reads the build at path: a folder with one artifacts file, an artifacts
// file, or any file that an artifacts file beside it lists.
func Load(path string) (*Set, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if info.IsDir() {
		return loadDir(path)
	}
	if filepath.Ext(path) == ".json" {
		return read(path)
	}
	return loadOwner(path)
}

func loadDir(dir string) (*Set, error) {
	found, err := candidates(dir)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, fmt.Errorf("%w: %s has no *%s; run linuxkit-action build --output %s first", ErrUnreadable, dir, Suffix, dir)
	case len(found) > 1:
		return nil, fmt.Errorf("%w: %s has several builds (%s, %s, …); name one of these files", ErrUnreadable,
			dir, filepath.Base(found[0]), filepath.Base(found[1]))
	}
	return read(found[0])
}

func candidates(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	var found []string
	for _, e := range entries {
		if ok, _ := filepath.Match("*"+Suffix, e.Name()); ok {
			found = append(found, filepath.Join(dir, e.Name()))
		}
	}
	return found, nil
}

// loadOwner finds the build that a single file belongs to.
func loadOwner(path string) (*Set, error) {
	found, err := candidates(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	for _, candidate := range found {
		set, err := read(candidate)
		if err != nil {
			return nil, err
		}
		if owned := set.only(filepath.Base(path)); owned != nil {
			return owned, nil
		}
	}
	return nil, fmt.Errorf("%w: no *%s beside %s lists it; name the folder that build wrote", ErrUnreadable, Suffix, path)
}

// only returns the set cut down to the format that the named file belongs to.
func (s *Set) only(base string) *Set {
	for _, f := range s.Files {
		if f.Path == base {
			cut := *s
			cut.Files = nil
			for _, g := range s.Files {
				if g.Format == f.Format {
					cut.Files = append(cut.Files, g)
				}
			}
			return &cut
		}
	}
	return nil
}

func read(path string) (*Set, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxBytes))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	set := &Set{dir: filepath.Dir(path)}
	if err := json.Unmarshal(b, set); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnreadable, path, err)
	}
	return set, set.check(path)
}

// check refuses what would lead a later step out of the folder.
func (s *Set) check(path string) error {
	if s.Version != Version {
		return fmt.Errorf("%w: %s has version %d, this program reads version %d; build again", ErrUnreadable, path,
			s.Version, Version)
	}
	for _, f := range s.Files {
		if !filepath.IsLocal(f.Path) {
			return fmt.Errorf("%w: %s lists %q, which is outside its folder", ErrUnreadable, path, f.Path)
		}
	}
	return nil
}
