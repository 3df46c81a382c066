// Package imageref parses image references and normalizes the names in them.
//
// Every comparison of names uses this package: trust and policy, lock, mirrors, registries
// without TLS, and credentials. A registry or a repository has exactly one normalized name,
// so no spelling of a reference avoids a rule. The host is in lower case, without trailing
// dot and default port; all hosts of Docker Hub are docker.io; its official images are in
// library/. A name that registries and proxies may read differently, such as one with ..
// in its path, is an error.
package imageref

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// ErrInvalid is wrapped by the errors for invalid references and names.
var ErrInvalid = errors.New("invalid name")

// Name is a parsed reference. Its host and path are normalized.
type Name struct {
	Host   string // docker.io, ghcr.io, localhost:5000
	Path   string // library/alpine
	Tag    string // "" for none
	Digest string // with its algorithm; "" for none
}

// Repository returns host and path, the name that rules match.
func (n Name) Repository() string { return n.Host + "/" + n.Path }

// String returns the reference in its long form. It adds no tag.
func (n Name) String() string {
	text := n.Repository()
	if n.Tag != "" {
		text += ":" + n.Tag
	}
	if n.Digest != "" {
		text += "@" + n.Digest
	}
	return text
}

// maxBytes bounds a reference: 255 of the repository, a tag of 128 and a digest of SHA-512.
const maxBytes = 1024

// Parse parses a reference with LinuxKit's short forms: alpine is docker.io/library/alpine,
// linuxkit/init is docker.io/linuxkit/init. Errors wrap ErrInvalid.
func Parse(image string) (Name, error) {
	if len(image) > maxBytes {
		return Name{}, fmt.Errorf("%w: reference of %d bytes; the limit is %d", ErrInvalid, len(image), maxBytes)
	}
	rest, digest, hasDigest := strings.Cut(image, "@")
	slash := strings.LastIndexByte(rest, '/')
	last, tag, hasTag := strings.Cut(rest[slash+1:], ":")
	if hasTag && tag == "" || hasDigest && digest == "" {
		return Name{}, fmt.Errorf("%w: %.100q has an empty tag or digest", ErrInvalid, image)
	}
	host, path := splitHost(rest[:slash+1] + last)
	n := Name{Tag: tag, Digest: digest}
	var err error
	if n.Host, err = Host(host); err != nil {
		return Name{}, err
	}
	if n.Path, err = repositoryPath(n.Host, path); err != nil {
		return Name{}, err
	}
	return n, nil
}

// ParseReference returns the normalized reference for requests to the registry. Without
// tag and digest the tag is latest. Errors wrap ErrInvalid.
func ParseReference(image string) (name.Reference, error) {
	n, err := Parse(image)
	if err != nil {
		return nil, err
	}
	reference, err := name.ParseReference(n.String())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return reference, nil
}

// Canonical returns the long form of a reference, and an invalid one unchanged.
func Canonical(image string) string {
	n, err := Parse(image)
	if err != nil {
		return image
	}
	return n.String()
}

// OfRepository returns the name that rules match for a repository of ParseReference.
func OfRepository(repository name.Repository) string {
	return OfRegistry(repository.Registry) + "/" + repository.RepositoryStr()
}

// OfRegistry returns the normalized host of a registry.
func OfRegistry(registry name.Registry) string {
	host, err := Host(registry.RegistryStr())
	if err != nil {
		return registry.RegistryStr()
	}
	return host
}

// splitHost splits a repository at its host. The first element is a host if it contains a
// dot or a colon, or is localhost (github.com/distribution/reference).
func splitHost(repository string) (host, path string) {
	first, rest, found := strings.Cut(repository, "/")
	if found && IsHost(first) {
		return first, rest
	}
	return DockerHub, repository
}

// IsHost reports whether the first element of a reference is a host.
func IsHost(first string) bool {
	return strings.ContainsAny(first, ".:") || strings.EqualFold(first, "localhost")
}

// pathGrammar is that of repository names (OCI distribution specification, "Pulling
// manifests"). Names that fit have no empty element, and neither . nor .. as one.
var pathGrammar = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)

const official = "library/"

func repositoryPath(host, path string) (string, error) {
	if !pathGrammar.MatchString(path) {
		hint := ""
		if lower := strings.ToLower(path); lower != path && pathGrammar.MatchString(lower) {
			hint = "; write it in lower case: " + lower
		}
		return "", fmt.Errorf("%w: repository %.100q%s", ErrInvalid, path, hint)
	}
	if host == DockerHub && !strings.Contains(path, "/") {
		path = official + path
	}
	return path, nil
}
