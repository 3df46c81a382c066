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

// keychain knows passwords: those of docker login and its helpers, else $GITHUB_TOKEN for
// ghcr.io.
var keychain = authn.NewMultiKeychain(authn.DefaultKeychain, github.Keychain)

// session is the way to one repository. It logs in when something is asked for the first
// time, so that nobody is bothered for what the cache has.
type session struct {
	registry   *Registry
	repository name.Repository

	mu       sync.Mutex
	loggedIn http.RoundTripper
}

// RoundTrip implements http.RoundTripper. The error wraps ErrOffline where nobody may be
// asked.
func (s *session) RoundTrip(request *http.Request) (*http.Response, error) {
	if s.registry.Offline {
		return nil, fmt.Errorf("%w: the cache lacks %s; run the same once without --offline", ErrOffline, path.Base(request.URL.Path))
	}
	inner, err := s.login(request.Context())
	if err != nil {
		return nil, err
	}
	return inner.RoundTrip(request)
}

// login asks the registry how it wants us to log in, and does so, for pulling.
func (s *session) login(ctx context.Context) (http.RoundTripper, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loggedIn != nil {
		return s.loggedIn, nil
	}
	auth, err := authn.Resolve(ctx, keychain, s.repository)
	if err != nil {
		return nil, fmt.Errorf("password for %s: %w", s.repository.RegistryStr(), err)
	}
	inner, err := transport.NewWithContext(ctx, s.repository.Registry, auth, s.registry.roundTripper(), []string{s.repository.Scope(transport.PullScope)})
	if err == nil {
		s.loggedIn = inner
	}
	return inner, err
}

// request makes a question about a repository: its kind is manifests or blobs.
func (s *session) request(ctx context.Context, kind, identifier string) (*http.Request, error) {
	address := url.URL{
		Scheme: s.repository.Scheme(), Host: s.repository.RegistryStr(),
		Path: "/v2/" + s.repository.RepositoryStr() + "/" + kind + "/" + identifier,
	}
	return http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
}
