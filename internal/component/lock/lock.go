// Package lock reads and writes linuxkit.lock, which pins each image reference of a
// manifest to a digest. Committed beside the manifest, it makes the same commit build the
// same image when tags move, and makes every update reviewable.
//
// The file is YAML, sorted by reference, and the same for the same images. It is parsed as
// strictly as the manifest: unknown keys, duplicates and malformed digests are errors.
package lock

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/workspace"
	"gopkg.in/yaml.v3"
)

// DefaultFile is the lock that Load reads without a path.
const DefaultFile = "linuxkit.lock"

// ErrUnreadable is wrapped by the error for a file that cannot be opened. Errors in the
// file wrap strict.ErrInvalid.
var ErrUnreadable = errors.New("cannot read lock file")

// version of the file format.
const version = 1

// header is the comment at the top of the file.
const header = "Which image each reference means. Written by `linuxkit-action lock`; keep it with the manifest."

// Lock is the content of the file. A nil Lock has no images.
type Lock struct {
	strict.At
	Version int              `yaml:"version,required"`
	Images  map[string]Image `yaml:"images,required"` // by reference, in the form of manifest.Canonical
}

// Image is the entry of one reference.
type Image struct {
	strict.At
	IndexDigest Digest            `yaml:"digest,required"` // of the index, or else of the image
	Platforms   map[string]Digest `yaml:"platforms"`       // images for linux by platform: linux/amd64
	Signer      string            `yaml:"signer"`          // where the policy requires a signature
}

// Digest is a SHA-256 digest, sha256:HEX in the file.
type Digest struct{ v1.Hash }

// New returns a lock without images.
func New() *Lock { return &Lock{Version: version, Images: map[string]Image{}} }

// Load reads a lock file. Without a path it reads DefaultFile, and returns nil where that
// does not exist. Errors wrap ErrUnreadable or strict.ErrInvalid.
func Load(path string) (*Lock, error) {
	required := path != ""
	if !required {
		path = DefaultFile
	}
	f, err := workspace.Open(path)
	if errors.Is(err, fs.ErrNotExist) && !required {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w; run linuxkit-action lock to write it", ErrUnreadable, err)
	}
	defer f.Close()
	data, err := strict.Read(path, f)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Parse parses the content of a lock file; path is for errors, which list every problem
// and wrap strict.ErrInvalid.
func Parse(path string, data []byte) (*Lock, error) {
	l := &Lock{}
	if err := strict.Decode(path, data, l); err != nil {
		return nil, err
	}
	if l.Version != version { // the document is null
		empty := strict.Problem{Place: strict.Place{File: path}, Text: "is empty; remove it, or run linuxkit-action lock"}
		return nil, strict.Join([]strict.Problem{empty})
	}
	return l, nil
}

// Check implements strict.Checked: it validates the version, and the keys of Images.
func (l *Lock) Check() []strict.Problem {
	if l.Has("version") && l.Version != version {
		const text = "%d is not supported, only %d; use a newer linuxkit-action, or write the lock again"
		return []strict.Problem{l.Problem("version", text, l.Version, version)}
	}
	var problems []strict.Problem
	seen := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(l.Images)) {
		image := l.Images[key]
		if image.Place == (strict.Place{}) { // the value is null
			problems = append(problems, l.Problem("images", "%q has no digest", key))
		}
		reference, err := manifest.ParseReference(key)
		if err != nil {
			problems = append(problems, image.Problem("", "not an image reference: %v", err))
			continue
		}
		if other, twice := seen[reference.Name()]; twice {
			problems = append(problems, image.Problem("", "is the same image as %q", other))
		}
		seen[reference.Name()] = key
		if pinned, ok := reference.(name.Digest); ok && pinned.DigestStr() != image.IndexDigest.String() {
			problems = append(problems, image.Problem("digest", "must be the one in the reference"))
		}
	}
	return problems
}

// platform matches OS/ARCHITECTURE[/VARIANT] (OCI image specification, image-index.md).
var platform = regexp.MustCompile(`^linux/[a-z0-9]{1,32}(/[a-z0-9.]{1,32})?$`)

// Check implements strict.Checked: it validates the keys of Platforms.
func (i *Image) Check() []strict.Problem {
	maps.DeleteFunc(i.Platforms, func(_ string, d Digest) bool { return d == Digest{} }) // null is the same as absent
	var problems []strict.Problem
	for _, key := range slices.Sorted(maps.Keys(i.Platforms)) {
		if !platform.MatchString(key) {
			problems = append(problems, i.Problem("platforms", "%q must be a platform, such as linux/amd64", key))
		}
	}
	return problems
}

// DecodeYAML implements strict.Custom.
func (d *Digest) DecodeYAML(n strict.Node) {
	var text string
	n.Into(&text)
	hash, err := v1.NewHash(text)
	if err != nil || hash.Algorithm != "sha256" {
		n.Problem("%q must be a digest: sha256: and 64 hexadecimal digits", text)
		return
	}
	d.Hash = hash
}

// ByReference returns the entries by the normalized name of their reference, that of
// name.Reference. A nil lock has none.
func (l *Lock) ByReference() map[string]Image {
	if l == nil {
		return nil
	}
	entries := make(map[string]Image, len(l.Images))
	for key, image := range l.Images {
		if parsed, err := manifest.ParseReference(key); err == nil {
			entries[parsed.Name()] = image
		}
	}
	return entries
}

// Remove deletes the entry of a reference in any of its forms.
func (l *Lock) Remove(image string) {
	reference, err := manifest.ParseReference(image)
	if err != nil {
		return
	}
	maps.DeleteFunc(l.Images, func(key string, _ Image) bool {
		parsed, err := manifest.ParseReference(key)
		return err == nil && parsed.Name() == reference.Name()
	})
}

// YAML returns the content of the file. It is the same for the same images.
func (l *Lock) YAML() ([]byte, error) {
	node := strict.Encode(l)
	node.HeadComment = header
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(node); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	// An index may name platforms that are not valid in a lock.
	if _, err := Parse(DefaultFile, out.Bytes()); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	return out.Bytes(), nil
}

// Write replaces the file at path, whole or not at all.
func (l *Lock) Write(path string) error {
	text, err := l.YAML()
	if err != nil {
		return err
	}
	if err := workspace.WriteFile(path, text); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}
