package component

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"golang.org/x/net/publicsuffix"
)

// credentialPolicy keeps the credentials of a registry to the host they are stored for, and
// to token services of the same domain: those of index.docker.io go to auth.docker.io. A
// token service elsewhere gets the credentials that are stored for its own host, or none.
type credentialPolicy struct {
	base     http.RoundTripper
	registry name.Registry
}

// RoundTrip implements http.RoundTripper.
func (p credentialPolicy) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Host == p.registry.RegistryStr() {
		return p.base.RoundTrip(request)
	}
	redirected := request.Response != nil
	if !redirected && sameDomain(p.registry, request.URL) {
		return p.base.RoundTrip(request)
	}
	if request.Method != http.MethodGet && request.Method != http.MethodHead { // a refresh token, in the body
		return nil, fmt.Errorf("%w: %s refers to a token service of another domain, %s, for its credentials; run docker login %[3]s",
			ErrNotFound, p.registry, request.URL.Host)
	}
	if !strings.HasPrefix(request.Header.Get("Authorization"), "Basic ") {
		return p.base.RoundTrip(request)
	}
	request = request.Clone(request.Context())
	request.Header.Del("Authorization")
	if !redirected && (request.URL.Scheme == "https" || p.registry.Scheme() == "http") {
		if err := authorize(request); err != nil {
			return nil, err
		}
	}
	return p.base.RoundTrip(request)
}

// authorize adds the credentials that are stored for the host of a request, if any.
func authorize(request *http.Request) error {
	host, err := name.NewRegistry(request.URL.Host)
	if err != nil {
		return nil // no name of a registry; nothing is stored for it
	}
	stored, err := authn.Resolve(request.Context(), authn.DefaultKeychain, host)
	if err != nil {
		return fmt.Errorf("credentials for %s: %w", host, err)
	}
	config, err := authn.Authorization(request.Context(), stored)
	if err == nil && config.Username != "" {
		request.SetBasicAuth(config.Username, config.Password)
	}
	return err
}

// sameDomain reports whether a URL is of the registrable domain of a registry. It is not
// where the registry uses TLS and the URL does not.
func sameDomain(registry name.Registry, u *url.URL) bool {
	if registry.Scheme() == "https" && u.Scheme != "https" {
		return false
	}
	own := (&url.URL{Host: registry.RegistryStr()}).Hostname()
	if own == u.Hostname() {
		return true
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(own)
	if err != nil || net.ParseIP(own) != nil {
		return false
	}
	other, err := publicsuffix.EffectiveTLDPlusOne(u.Hostname())
	return err == nil && domain == other
}
