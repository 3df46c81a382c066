package component

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/org/linuxkit-action/internal/network"
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

// TestRejectsRedirectToMetadataService: a private registry may redirect to private
// addresses, but never to a link-local one. Package network has tests for the others.
func TestRejectsRedirectToMetadataService(t *testing.T) {
	t.Parallel()
	for _, match := range []string{"/manifests/", "/blobs/LAYER"} {
		i := &interceptor{match: match, respond: func(_ *interceptor, _ int, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusTemporaryRedirect)
		}}
		_, err := pull(t, i, 5000)
		if !errors.Is(err, network.ErrAddress) || errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: got %v", match, err)
		}
	}
	_, err := resolve(t, "169.254.169.254/acme/web:1", &Registry{})
	if !errors.Is(err, network.ErrAddress) || errors.Is(err, ErrUnavailable) {
		t.Errorf("reference: got %v", err)
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
