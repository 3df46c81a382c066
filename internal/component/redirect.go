package component

import (
	"fmt"
	"net/http"
	"net/netip"
)

// maxRedirects bounds the redirects of one request; registries need one or two.
const maxRedirects = 8

// originalRequest returns the request that led to this one by redirects, and their number.
func originalRequest(request *http.Request) (*http.Request, int) {
	redirects := 0
	for request.Response != nil && request.Response.Request != nil {
		request = request.Response.Request
		redirects++
	}
	return request, redirects
}

// redirectPolicy bounds redirects, and rejects those from a public address to a private
// one. It is a transport because the HTTP client of go-containerregistry has a
// CheckRedirect of its own, without a bound.
type redirectPolicy struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (p redirectPolicy) RoundTrip(request *http.Request) (*http.Response, error) {
	original, redirects := originalRequest(request)
	if redirects > maxRedirects {
		return nil, fmt.Errorf("%w: more than %d redirects, the last to %s; check the registry or the mirror",
			ErrMalformed, maxRedirects, request.URL.Redacted())
	}
	if privateHost(request.URL.Hostname()) && !privateHost(original.URL.Hostname()) {
		return nil, fmt.Errorf("%w: %s redirects to %s, a private address", ErrMalformed, original.URL.Host, request.URL.Host)
	}
	return p.base.RoundTrip(request)
}

// privateHost reports whether a host is localhost or a private, loopback, link-local or
// unspecified address, such as that of a cloud's metadata service.
func privateHost(host string) bool {
	address, err := netip.ParseAddr(host)
	if err != nil {
		return host == "localhost"
	}
	address = address.Unmap()
	return address.IsPrivate() || address.IsLoopback() || address.IsLinkLocalUnicast() || address.IsUnspecified()
}
