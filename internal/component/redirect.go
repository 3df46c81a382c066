package component

import (
	"fmt"
	"net/http"
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

// redirectPolicy bounds redirects. It is a transport because the HTTP client of
// go-containerregistry has a CheckRedirect of its own, without a bound. Package network
// checks the addresses that redirects lead to.
type redirectPolicy struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (p redirectPolicy) RoundTrip(request *http.Request) (*http.Response, error) {
	if _, redirects := originalRequest(request); redirects > maxRedirects {
		return nil, fmt.Errorf("%w: more than %d redirects, the last to %s; check the registry or the mirror",
			ErrMalformed, maxRedirects, request.URL.Redacted())
	}
	return p.base.RoundTrip(request)
}
