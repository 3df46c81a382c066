package component

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/org/linuxkit-action/internal/component/lock"
)

// Registry is how images are found and fetched.
type Registry struct {
	Mirrors  []string       // [REGISTRY=]URL, as LinuxKit's --mirror
	Insecure []string       // registries that speak plain HTTP; loopback ones always may
	Roots    *x509.CertPool // authorities that registries are trusted by; nil for the system's
	Lock     *lock.Lock     // what references mean; nil to ask for them
	Cache    *Cache         // remembers manifests and signatures; nil to ask each time
	Offline  bool           // nobody is asked: lock and cache alone

	once      sync.Once
	transport http.RoundTripper
}

// locate returns the repository that stands for repo: in its mirror, if it has one.
func (r *Registry) locate(repo name.Repository) (name.Repository, error) {
	for _, m := range r.Mirrors {
		host, address, keyed := strings.Cut(m, "=")
		if !keyed {
			host, address = "", m
		}
		if host == "" || host == "*" || sameRegistry(host, repo.RegistryStr()) {
			return mirrored(address, repo.RepositoryStr())
		}
	}
	return name.NewRepository(repo.Name(), r.nameOptions(repo.RegistryStr())...)
}

func (r *Registry) nameOptions(host string) []name.Option {
	for _, insecure := range r.Insecure {
		if insecure == host {
			return []name.Option{name.Insecure}
		}
	}
	return nil
}

// sameRegistry knows the several names of Docker Hub.
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

// maxErrorBytes is what is read of the text of an error.
const maxErrorBytes = 32 << 10

// expect returns an error, with its kind, where an answer is none of those that are fine;
// then its body is closed.
func expect(response *http.Response, fine ...int) error {
	if slices.Contains(fine, response.StatusCode) {
		return nil
	}
	defer response.Body.Close()
	response.Body = io.NopCloser(io.LimitReader(response.Body, maxErrorBytes))
	return Classify(transport.CheckError(response, fine...))
}

// kinds are those that an error has before Classify, if it is of our own making.
var kinds = []error{ErrNotFound, ErrDigest, ErrUnavailable, ErrMalformed, ErrOffline}

// Classify gives an error of a registry its kind.
func Classify(err error) error {
	if slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) }) {
		var asked *url.Error // HTTP clients put the address before it, which tells no more
		if errors.As(err, &asked) {
			return asked.Err
		}
		return err
	}
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return fmt.Errorf("%w: %w; name the registry's with --cert-file", ErrCertificates, untrusted)
	}
	var answer *transport.Error
	if errors.As(err, &answer) {
		return classifyAnswer(answer, err)
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

func classifyAnswer(answer *transport.Error, err error) error {
	switch {
	case answer.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%w: the registry has nothing under this name; check the spelling and the tag", ErrNotFound)
	case answer.StatusCode == http.StatusUnauthorized, answer.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%w: the registry refuses to show it (%d); log in with docker login, or check the name", ErrNotFound, answer.StatusCode)
	case retried(answer.StatusCode):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", ErrMalformed, err)
}
