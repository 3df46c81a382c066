package component

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/org/linuxkit-action/internal/component/lock"
)

// Registry configures how images are resolved and fetched. The zero value asks the
// registries that the references name.
type Registry struct {
	Mirrors  []string       // [REGISTRY=]URL, as LinuxKit's --mirror
	Insecure []string       // registries with plain HTTP; loopback addresses need no entry
	RootCAs  *x509.CertPool // certificate authorities of registries; nil for the system's
	Lock     *lock.Lock     // digests of references; nil to resolve every tag
	Cache    *Cache         // of manifests, configs and signatures; nil for none
	Offline  bool           // only lock and cache, no requests

	once      sync.Once
	transport http.RoundTripper
}

// transportFor returns the transport to a repository, or to its mirror.
func (r *Registry) transportFor(repository name.Repository) (*cachingTransport, error) {
	located, err := r.locate(repository)
	if err != nil {
		return nil, err
	}
	base := &authTransport{registry: r, repository: located}
	return &cachingTransport{base: base, cache: r.Cache, name: repository.Name()}, nil
}

// locate applies the first mirror that matches.
func (r *Registry) locate(repository name.Repository) (name.Repository, error) {
	for _, m := range r.Mirrors {
		host, address, keyed := strings.Cut(m, "=")
		if !keyed {
			host, address = "", m
		}
		if host == "" || host == "*" || sameRegistry(host, repository.RegistryStr()) {
			return mirrored(address, repository.RepositoryStr())
		}
	}
	var options []name.Option
	if slices.Contains(r.Insecure, repository.RegistryStr()) {
		options = append(options, name.Insecure)
	}
	return name.NewRepository(repository.Name(), options...)
}

// sameRegistry compares host names; Docker Hub has three.
func sameRegistry(host, registry string) bool {
	if host == "docker.io" || host == "registry-1.docker.io" {
		host = name.DefaultRegistry
	}
	return host == registry
}

func mirrored(address, repository string) (name.Repository, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return name.Repository{}, fmt.Errorf("--mirror %s: must be [REGISTRY=]http(s)://HOST", address)
	}
	var options []name.Option
	if u.Scheme == "http" {
		options = append(options, name.Insecure)
	}
	path := strings.Trim(u.Path, "/")
	if path != "" {
		path += "/"
	}
	return name.NewRepository(u.Host+"/"+path+repository, options...)
}
