// Package artifacts reads and writes NAME-artifacts.json, the list of the files of one
// build, and creates those files atomically.
//
// The list is the only interface between the build and later steps: the boot test reads
// from it what to boot and which services to expect, publish reads what to sign. Paths in
// it are relative, so the folder can be moved. A list may come from another machine: its
// size is bounded, and a name, path or digest that build does not write is rejected.
package artifacts

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/org/linuxkit-action/internal/verify/report"
	"github.com/org/linuxkit-action/internal/verify/signer"
	"github.com/org/linuxkit-action/internal/workspace"
)

// Version is the version of the format.
const Version = 1

// Suffix ends the name of every artifacts file.
const Suffix = "-artifacts.json"

// maxBytes bounds the size of an artifacts file.
const maxBytes = 16 << 20

// ErrUnreadable is wrapped by every error of Load.
var ErrUnreadable = errors.New("cannot read build")

// Set is one build.
type Set struct {
	Version    int         `json:"version"`
	Name       string      `json:"name"`
	Arch       string      `json:"arch"` // as in Go: amd64, arm64
	Init       string      `json:"init"` // PID 1: "builtin", or the reference of the image that provides it
	Files      []File      `json:"files"`
	Components []Component `json:"components"`
	Unverified []string    `json:"unverified,omitempty"` // in a release with --allow-unverified: ROLE/NAME: VERDICT

	dir string
}

// Kinds of files.
const (
	KindKernel    = "kernel"
	KindInitrd    = "initrd"
	KindCmdline   = "cmdline"
	KindInitrdTar = "initrd-tar" // kernel, initrd, command line and microcode in one archive
	KindTar       = "tar"        // root file system with /boot
	KindDocker    = "docker"     // KindTar with a Dockerfile: the context of a docker build
	KindSBOM      = "sbom"       // attested SBOM of a component; Format is that of the SBOM
)

// SBOMSuffix ends the name of every file of KindSBOM.
const SBOMSuffix = ".intoto.json"

// File is one file of a format. A format may have several files.
type File struct {
	Format string `json:"format"`
	Kind   string `json:"kind"`
	Path   string `json:"path"` // relative to the artifacts file
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"` // bytes
}

// Component is one verified image in the build.
type Component struct {
	Role        string `json:"role"` // kernel, init, onboot, onshutdown, service
	Name        string `json:"name"`
	Reference   string `json:"reference"`
	IndexDigest string `json:"digest"`
	Signer      string `json:"signer,omitempty"`
	Bytes       int64  `json:"bytes"` // uncompressed size in the root file system

	Rule       string             `json:"rule,omitempty"`       // policy rule that applied
	Verdict    string             `json:"verdict,omitempty"`    // signed, accepted, refused (with --verify warn), unchecked or no-policy
	Signatures []signer.Signature `json:"signatures,omitempty"` // valid signatures, sorted by signer
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

// FindPath returns the file with a path.
func (s *Set) FindPath(path string) (File, bool) {
	i := slices.IndexFunc(s.Files, func(f File) bool { return f.Path == path })
	if i < 0 {
		return File{}, false
	}
	return s.Files[i], true
}

// FindUnverified returns the components that no policy accepted: ROLE/NAME: VERDICT.
func (s *Set) FindUnverified() []string {
	var found []string
	for _, c := range s.Components {
		if c.Verdict != report.Signed && c.Verdict != report.Accepted {
			found = append(found, c.Role+"/"+c.Name+": "+cmp.Or(c.Verdict, report.Unchecked))
		}
	}
	return found
}

// SetSBOMs sets the SBOM files of the components with a reference.
func (s *Set) SetSBOMs(reference string, sboms []string) {
	for i := range s.Components {
		if s.Components[i].Reference == reference {
			s.Components[i].SBOMs = sboms
		}
	}
}

// Formats returns the formats of the image, each once, in the order of Files.
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

// Load reads the build at path: a folder with one artifacts file, an artifacts file, or
// any file that is listed in an artifacts file of its folder; then the set has the files
// of that file's format only. Errors wrap ErrUnreadable.
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
	return loadFile(path)
}

func loadDir(dir string) (*Set, error) {
	found, err := candidates(dir)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, fmt.Errorf("%w: %s has no *%s; run linuxkit-action build --output %s first", ErrUnreadable, dir, Suffix, dir)
	case len(found) > 1:
		return nil, fmt.Errorf("%w: %s contains several builds (%s, %s, …); name one of these files", ErrUnreadable,
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

// loadFile finds the build that lists a file.
func loadFile(path string) (*Set, error) {
	found, err := candidates(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	for _, candidate := range found {
		set, err := read(candidate)
		if err != nil {
			return nil, err
		}
		if subset := set.formatOf(filepath.Base(path)); subset != nil {
			return subset, nil
		}
	}
	return nil, fmt.Errorf("%w: no *%s lists %s; name the output folder of build", ErrUnreadable, Suffix, path)
}

// formatOf returns the set with the files of one format only: that of the named file. It
// returns nil if the set does not list the file.
func (s *Set) formatOf(base string) *Set {
	file, listed := s.FindPath(base)
	if !listed {
		return nil
	}
	subset := *s
	subset.Files = slices.DeleteFunc(slices.Clone(s.Files), func(f File) bool { return f.Format != file.Format })
	return &subset
}

func read(path string) (*Set, error) {
	b, err := workspace.ReadFile(path, maxBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	set := &Set{dir: filepath.Dir(path)}
	if err := json.Unmarshal(b, set); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnreadable, path, err)
	}
	return set, set.check(path)
}
