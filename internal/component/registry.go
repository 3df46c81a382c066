package component

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/org/linuxkit-action/internal/budget"
	"github.com/org/linuxkit-action/internal/component/lock"
	"github.com/org/linuxkit-action/internal/imageref"
	"github.com/org/linuxkit-action/internal/network"
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
	Budget   *budget.Budget // of the run; nil for no bounds

	once  sync.Once
	pools *network.Pools // see connections

	lockOnce sync.Once
	locked   map[string]lock.Image // entries of Lock by the name of their reference
}

// findLocked returns the entry of the lock for a reference.
func (r *Registry) findLocked(reference name.Reference) (lock.Image, bool) {
	r.lockOnce.Do(func() { r.locked = r.Lock.ByReference() })
	image, ok := r.locked[reference.Name()]
	return image, ok
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
	host := imageref.OfRegistry(repository.Registry)
	for _, m := range r.Mirrors {
		of, address := cutMirror(m)
		if of == "" || of == "*" || sameHost(of, host) {
			return mirrored(address, repository.RepositoryStr())
		}
	}
	var options []name.Option
	if imageref.IsLoopback(host) || slices.ContainsFunc(r.Insecure, func(i string) bool { return sameHost(i, host) }) {
		options = append(options, name.Insecure)
	}
	return name.NewRepository(repository.Name(), options...)
}

// cutMirror splits [REGISTRY=]URL. The registry is "" for a mirror of all.
func cutMirror(mirror string) (host, address string) {
	host, address, keyed := strings.Cut(mirror, "=")
	if !keyed {
		return "", mirror
	}
	return host, address
}

// sameHost reports whether text names the registry with a normalized host.
func sameHost(text, host string) bool {
	normalized, err := imageref.Host(text)
	return err == nil && normalized == host
}

// Check returns an error for each mirror and each registry without TLS that is not valid.
// Errors wrap ErrSettings.
func (r *Registry) Check() error {
	var errs []error
	for _, m := range r.Mirrors {
		of, address := cutMirror(m)
		if _, err := mirrored(address, "library/x"); err != nil {
			errs = append(errs, err)
		}
		if _, err := imageref.Host(of); err != nil && of != "" && of != "*" {
			errs = append(errs, fmt.Errorf("%w: --mirror %s: %w; write HOST[:PORT]=URL", ErrSettings, m, err))
		}
	}
	for _, i := range r.Insecure {
		if _, err := imageref.Host(i); err != nil {
			errs = append(errs, fmt.Errorf("%w: --insecure-registry %s: %w; write HOST[:PORT]", ErrSettings, i, err))
		}
	}
	return errors.Join(errs...)
}

// unmatched returns a warning for each mirror and each registry without TLS that no image
// uses.
func (r *Registry) unmatched(components []*Component) []string {
	hosts := map[string]bool{}
	for _, c := range components {
		hosts[imageref.OfRegistry(c.Reference.Context().Registry)] = true
	}
	var warnings []string
	used := func(text string) bool {
		host, err := imageref.Host(text)
		return err != nil || hosts[host]
	}
	for _, m := range r.Mirrors {
		if of, _ := cutMirror(m); of != "" && of != "*" && !used(of) {
			warnings = append(warnings, fmt.Sprintf("--mirror %s: no image of the manifest is from %s", m, of))
		}
	}
	for _, i := range r.Insecure {
		if !used(i) {
			warnings = append(warnings, fmt.Sprintf("--insecure-registry %s: no image of the manifest is from it", i))
		}
	}
	return warnings
}

func mirrored(address, repository string) (name.Repository, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return name.Repository{}, fmt.Errorf("%w: --mirror %s: must be [REGISTRY=]http(s)://HOST", ErrSettings, address)
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
