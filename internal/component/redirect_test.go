package component

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestRejectsRedirectLoops(t *testing.T) {
	t.Parallel()
	loop := func(_ *interceptor, n int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, fmt.Sprintf("%s?n=%d", r.URL.Path, n), http.StatusTemporaryRedirect)
	}
	for _, match := range []string{"/manifests/", "/blobs/LAYER", "/blobs/"} {
		t.Run(match, func(t *testing.T) {
			t.Parallel()
			i := &interceptor{match: match, respond: loop}
			_, err := pull(t, i, 5000)
			if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "more than 8 redirects") {
				t.Errorf("got %v", err)
			}
			if len(i.requests) > maxRedirects+1 {
				t.Errorf("%d requests", len(i.requests))
			}
		})
	}
}

// okTransport answers every request with 200.
type okTransport struct{}

// RoundTrip implements http.RoundTripper.
func (okTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	return newResponse(request, cachedResponse{Status: http.StatusOK}, nil), nil
}

func TestRejectsRedirectsToPrivateAddresses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		from, to string
		allowed  bool
	}{
		{from: "https://ghcr.io/v2/x", to: "https://cdn.example/x", allowed: true},
		{from: "https://ghcr.io/v2/x", to: "http://169.254.169.254/latest/meta-data"},
		{from: "https://ghcr.io/v2/x", to: "http://[::ffff:10.0.0.1]/"},
		{from: "https://ghcr.io/v2/x", to: "http://[fe80::1]/"},
		{from: "https://ghcr.io/v2/x", to: "http://localhost:2375/"},
		{from: "https://8.8.8.8/v2/x", to: "http://127.0.0.1/"},
		{from: "http://10.0.0.4:5000/v2/x", to: "http://10.0.0.5:9000/x", allowed: true},
		{from: "http://localhost:5000/v2/x", to: "http://127.0.0.1:9000/x", allowed: true},
	} {
		first, err := http.NewRequest(http.MethodGet, tt.from, nil)
		if err != nil {
			t.Fatal(err)
		}
		next, err := http.NewRequest(http.MethodGet, tt.to, nil)
		if err != nil {
			t.Fatal(err)
		}
		next.Response = &http.Response{Request: first}
		_, err = redirectPolicy{okTransport{}}.RoundTrip(next)
		if (err == nil) != tt.allowed || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s to %s: %v", tt.from, tt.to, err)
		}
	}
}

// TestFetchesLayersThroughRedirects has a layer above maxResponseBytes, which would be cut
// if the redirected request did not count as one for a blob.
func TestFetchesLayersThroughRedirects(t *testing.T) {
	t.Parallel()
	i := &interceptor{match: "/blobs/LAYER", respond: func(_ *interceptor, _ int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/storage?"+r.URL.Path, http.StatusTemporaryRedirect)
	}}
	storage := func(registry http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/storage" {
				r.URL.Path, r.URL.RawQuery = r.URL.RawQuery, ""
			}
			registry.ServeHTTP(w, r)
		})
	}
	if _, err := pullThrough(t, i, maxResponseBytes+1000, storage); err != nil {
		t.Error(err)
	}
}
