// Package component resolves the images of a manifest and fetches their content.
//
// Resolve turns each reference into digests: a tag into the digest that the lock (package
// lock) or else the registry has for it, and an index into the image for one platform.
// Every later request is by digest, so content cannot change between verification and
// build. Resolve fetches no layers. Unpack and Layout, which run after verification, fetch
// them through a cache, hash each one as it is read, and flatten them to a tree.
//
// Requests pass a stack of transports: cachingTransport (manifests, configs and signatures
// from the cache), authTransport (login, offline mode), redirectPolicy, retryTransport and
// limitTransport (size of responses).
package component

import (
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/org/linuxkit-action/internal/budget"
	"github.com/org/linuxkit-action/internal/manifest"
)

// Component is one resolved image. Several entries of the manifest may use it.
type Component struct {
	Uses           []manifest.Use
	Reference      name.Reference // as in the manifest, before mirrors
	IndexDigest    v1.Hash        // what the reference resolves to: an index, or else the image itself
	PlatformDigest v1.Hash        // the image for the platform; IndexDigest where there is no index
	Config         *v1.ConfigFile // nil, as Manifest, where every use is an OCI layout
	Manifest       *v1.Manifest

	raw       []byte            // the bytes of IndexDigest
	mediaType types.MediaType   // of raw
	transport *cachingTransport // to the repository
	locked    bool              // the lock has the digest of Reference
}

// Set is the components of one manifest, for one architecture.
type Set struct {
	Manifest   *manifest.Manifest
	Arch       string // as in Go: amd64, arm64
	Components []*Component
}

// Pinned reports whether the digest comes from the manifest or the lock.
func (c *Component) Pinned() bool {
	_, ok := c.Reference.(name.Digest)
	return ok || c.locked
}

// Repository returns the repository that the image and its signatures are fetched from:
// that of the reference, or its mirror.
func (c *Component) Repository() name.Repository { return c.transport.base.repository }

// budget returns that of the run.
func (c *Component) budget() *budget.Budget { return c.transport.base.registry.Budget }

// RemoteOptions returns the options for requests to Repository. They go through the cache.
// Retries are disabled, as the transport below already retries.
func (c *Component) RemoteOptions() []remote.Option {
	never := func(error) bool { return false }
	return []remote.Option{
		remote.WithTransport(c.transport),
		remote.WithRetryPredicate(never),
		remote.WithRetryStatusCodes(),
	}
}

// CompressedSize returns the bytes of the layers as they are in the registry; 0 where the
// image is only used as an OCI layout.
func (c *Component) CompressedSize() int64 {
	if c.Manifest == nil {
		return 0
	}
	var total int64
	for _, l := range c.Manifest.Layers {
		total += l.Size
	}
	return total
}
