package component

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/authn/github"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/org/linuxkit-action/internal/imageref"
)

// credentials returns those that docker login and its helpers stored for the registry of a
// repository, under any of its names, or $GITHUB_TOKEN for ghcr.io.
func credentials(ctx context.Context, repository name.Repository) (authn.Authenticator, error) {
	host := imageref.OfRegistry(repository.Registry)
	var keychain authn.Keychain = authn.DefaultKeychain
	if host == githubRegistry { // the keychain has the token for every port of the host
		keychain = authn.NewMultiKeychain(keychain, github.Keychain)
	}
	for _, alias := range append([]string{repository.RegistryStr()}, imageref.Aliases(host)...) {
		auth, err := authn.Resolve(ctx, keychain, storedAs{repository, alias})
		if err != nil {
			return nil, fmt.Errorf("credentials for %s: %w", alias, err)
		}
		if auth != authn.Anonymous {
			return auth, nil
		}
	}
	return authn.Anonymous, nil
}

const githubRegistry = "ghcr.io"

// storedAs is a repository at another name of its registry. It implements authn.Resource.
type storedAs struct {
	name.Repository
	host string
}

// String returns the key of the credentials for the repository.
func (s storedAs) String() string { return s.host + "/" + s.RepositoryStr() }

// RegistryStr returns the key of the credentials for the registry.
func (s storedAs) RegistryStr() string { return s.host }

// authTransport authenticates to one repository on the first request, so that a run which
// the cache can serve needs no credentials. It rejects every request in offline mode.
type authTransport struct {
	registry   *Registry
	repository name.Repository

	mu            sync.Mutex
	authenticated http.RoundTripper
}

// RoundTrip implements http.RoundTripper. In offline mode the error wraps ErrOffline.
func (t *authTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	if t.registry.Offline {
		return nil, fmt.Errorf("%w: %s is not in the cache; run once without --offline", ErrOffline, path.Base(request.URL.Path))
	}
	base, err := t.authenticate(request.Context())
	if err != nil {
		return nil, err
	}
	return base.RoundTrip(request)
}

// authenticate obtains a token with pull scope, or the scheme that the registry asks for.
func (t *authTransport) authenticate(ctx context.Context) (http.RoundTripper, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.authenticated != nil {
		return t.authenticated, nil
	}
	auth, err := credentials(ctx, t.repository)
	if err != nil {
		return nil, err
	}
	scopes := []string{t.repository.Scope(transport.PullScope)}
	base, err := transport.NewWithContext(ctx, t.repository.Registry, auth, t.registry.roundTripper(t.repository), scopes)
	if err == nil {
		t.authenticated = base
	}
	return base, err
}

// newRequest returns a GET request for a manifest or a blob; kind is manifests or blobs.
func (t *authTransport) newRequest(ctx context.Context, kind, identifier string) (*http.Request, error) {
	address := url.URL{
		Scheme: t.repository.Scheme(),
		Host:   t.repository.RegistryStr(),
		Path:   "/v2/" + t.repository.RepositoryStr() + "/" + kind + "/" + identifier,
	}
	return http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
}
