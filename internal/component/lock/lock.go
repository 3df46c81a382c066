// Package lock is the file that fixes what a manifest's references mean:
// linuxkit.lock. It belongs into the repository, beside the manifest, so that the same
// commit builds the same image however tags move, and a moved one shows in a review.
//
// It is YAML, sorted, and holds nothing that differs from run to run. It comes from a
// repository, so it is read as strictly as the manifest.
package lock

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// DefaultFile is where the lock is looked for.
const DefaultFile = "linuxkit.lock"

// ErrUnreadable is wrapped by the error for a lock that is not there. One with mistakes
// in it is strict.ErrInvalid.
var ErrUnreadable = errors.New("no lock to read")

// version is that of the format.
const version = 1

// Lock says which image each reference means.
type Lock struct {
	strict.At
	Version int              `yaml:"version,required"`
	Images  map[string]Image `yaml:"images,required"` // by reference, as manifest.Canonical writes it
}

// Image is what a reference means.
type Image struct {
	strict.At
	IndexDigest Digest            `yaml:"digest,required"` // of the index, or of the image itself
	Platforms   map[string]Digest `yaml:"platforms"`       // the images for linux, by platform: linux/amd64
	Signer      string            `yaml:"signer"`          // who signed it, where the policy asked for somebody
}

// Digest is sha256:… in the file.
type Digest struct{ v1.Hash }

// New returns a lock without images.
func New() *Lock { return &Lock{Version: version, Images: map[string]Image{}} }

// Load reads a lock. Without a name it takes DefaultFile if it is there; where there is
// none the lock is nil.
func Load(path string) (*Lock, error) {
	wanted := path != ""
	if !wanted {
		path = DefaultFile
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && !wanted {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w; linuxkit-action lock writes one", ErrUnreadable, err)
	}
	defer f.Close()
	data, err := strict.Read(path, f)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Parse reads a lock from the text of a file. The error tells every mistake and wraps
// strict.ErrInvalid.
func Parse(path string, data []byte) (*Lock, error) {
	l := &Lock{}
	if err := strict.Decode(path, data, l); err != nil {
		return nil, err
	}
	if l.Version != version { // a file that is one null
		return nil, strict.Join([]strict.Problem{{Place: strict.Place{File: path}, Text: "says nothing; remove it, or write it anew with linuxkit-action lock"}})
	}
	return l, nil
}

// Check finds mistakes that a key alone does not show.
func (l *Lock) Check() []strict.Problem {
	if l.Has("version") && l.Version != version {
		return []strict.Problem{l.Problem("version", "is %d, and this program knows %d; use a newer one, or write the lock anew", l.Version, version)}
	}
	var problems []strict.Problem
	seen := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(l.Images)) {
		image := l.Images[key]
		if image.Place == (strict.Place{}) { // a null, which is read as nothing at all
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

// platform is how a platform is written (OCI image specification, image-index.md): the
// system, the architecture, and maybe its variant.
var platform = regexp.MustCompile(`^linux/[a-z0-9]{1,32}(/[a-z0-9.]{1,32})?$`)

// Check finds mistakes in what is said of one image.
func (i *Image) Check() []strict.Problem {
	maps.DeleteFunc(i.Platforms, func(_ string, d Digest) bool { return d == Digest{} }) // a null is the same as leaving out
	var problems []strict.Problem
	for _, key := range slices.Sorted(maps.Keys(i.Platforms)) {
		if !platform.MatchString(key) {
			problems = append(problems, i.Problem("platforms", "%q must be a platform, such as linux/amd64", key))
		}
	}
	return problems
}

// DecodeYAML reads a digest.
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

// Find returns what a reference means. A lock that is nil knows none.
func (l *Lock) Find(reference name.Reference) (Image, bool) {
	if l == nil {
		return Image{}, false
	}
	for key, image := range l.Images {
		if parsed, err := manifest.ParseReference(key); err == nil && parsed.Name() == reference.Name() {
			return image, true
		}
	}
	return Image{}, false
}

// Forget takes out what an image means, however its reference is written.
func (l *Lock) Forget(image string) {
	reference, err := manifest.ParseReference(image)
	if err != nil {
		return
	}
	maps.DeleteFunc(l.Images, func(key string, _ Image) bool {
		parsed, err := manifest.ParseReference(key)
		return err == nil && parsed.Name() == reference.Name()
	})
}
