// Package component is the second step of the line: which images the manifest
// means, exactly.
//
// Resolve asks the registries once what each reference is: a tag becomes a digest,
// an index the image for one platform. From there on everything is by digest, so
// nothing can change between what is verified and what is built. No layer is
// fetched yet. Where there is a lock (package lock), it says which digest a tag means,
// and the registry is only asked whether the tag has moved since. Unpack and Layout,
// used by the steps after verification, bring the layers through a cache, each hashed
// as it flows, and flatten them to a tree.
//
// What is asked goes through a stack of transports, each for one thing: memory (what the
// cache knows is not asked), session (log in), led (where redirects may go), patient
// (ask again), bounded (whatever a registry sends, it ends).
package component

import (
	"errors"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/org/linuxkit-action/internal/manifest"
)

// Errors by kind.
var (
	// ErrNotFound: the registry answers that there is no such image, or not for us.
	ErrNotFound = errors.New("no such image")
	// ErrDigest: bytes that are not what their digest says.
	ErrDigest = errors.New("digest mismatch")
	// ErrUnavailable: a fault that may pass: try again.
	ErrUnavailable = errors.New("registry unavailable")
	// ErrMalformed: an image that cannot be unpacked.
	ErrMalformed = errors.New("malformed image")
	// ErrOffline: what only a registry could answer, and nobody may be asked.
	ErrOffline = errors.New("offline")
	// ErrCertificates: authorities that cannot be read, or do not vouch for a registry.
	ErrCertificates = errors.New("certificate authorities")
)

// Component is one image, resolved. Several places of the manifest may use it.
type Component struct {
	Uses           []manifest.Use
	Reference      name.Reference // as in the manifest, before mirrors
	IndexDigest    v1.Hash        // what the reference resolves to: an index, or else the image itself
	PlatformDigest v1.Hash        // the image for the platform; IndexDigest where there is no index
	Config         *v1.ConfigFile // nil, as Manifest, where every use is an OCI layout
	Manifest       *v1.Manifest

	raw       []byte          // the bytes of IndexDigest
	mediaType types.MediaType // of raw
	memory    *memory         // the way to its repository
	locked    bool            // the lock says what the reference means
}

// Set is the components of one manifest, for one architecture.
type Set struct {
	Manifest   *manifest.Manifest
	Arch       string
	Components []*Component
}

// Pinned reports whether the user named the digest, in the manifest or in the lock.
func (c *Component) Pinned() bool {
	_, ok := c.Reference.(name.Digest)
	return ok || c.locked
}

// Repository returns where the image, and what is attached to it, is fetched from: the
// reference's own, or a mirror.
func (c *Component) Repository() name.Repository { return c.memory.next.repository }

// RemoteOptions returns how that is asked. The cache remembers the answers; passing faults
// are retried below, so not here again.
func (c *Component) RemoteOptions() []remote.Option {
	never := func(error) bool { return false }
	return []remote.Option{remote.WithTransport(c.memory), remote.WithRetryPredicate(never), remote.WithRetryStatusCodes()}
}

// Bytes returns the compressed size of the layers.
func (c *Component) Bytes() int64 {
	var total int64
	if c.Manifest == nil {
		return 0 // never unpacked
	}
	for _, l := range c.Manifest.Layers {
		total += l.Size
	}
	return total
}
