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
)

// keychain has the credentials of docker login and its helpers, and $GITHUB_TOKEN for
// ghcr.io.
var keychain = authn.NewMultiKeychain(authn.DefaultKeychain, github.Keychain)

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
	auth, err := authn.Resolve(ctx, keychain, t.repository)
	if err != nil {
		return nil, fmt.Errorf("credentials for %s: %w", t.repository.RegistryStr(), err)
	}
	scopes := []string{t.repository.Scope(transport.PullScope)}
	base, err := transport.NewWithContext(ctx, t.repository.Registry, auth, t.registry.roundTripper(), scopes)
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
