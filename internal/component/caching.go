package component

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// cachingTransport answers requests for manifests, configs and signatures of one
// repository from the cache. A response to a request by digest cannot change, so the cache
// always serves it. Any other response (a tag, a list of referrers) is stored as well and
// served in offline mode.
//
// It is a transport so that requests of cosign's library pass it too.
type cachingTransport struct {
	base  *authTransport
	cache *Cache // nil for none
	name  string // of the repository before mirrors: all mirrors share the responses
}

// RoundTrip implements http.RoundTripper. The error wraps ErrDigest where the content does
// not match the requested digest.
func (t *cachingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Path == "/v2/" { // the ping of a client; authTransport makes its own
		return newResponse(request, cachedResponse{Status: http.StatusOK}, nil), nil
	}
	if request.Method != http.MethodGet {
		return t.base.RoundTrip(request)
	}
	original, redirects := originalRequest(request)
	key, digest := t.cacheKey(original)
	if redirects == 0 {
		if cached := t.lookup(request, key, digest); cached != nil {
			return cached, nil
		}
	}
	response, body, err := t.fetch(request)
	if err != nil || body == nil {
		return response, err
	}
	if isReferrersRequest(original) && response.StatusCode == http.StatusOK {
		if body, err = t.readPages(request, response, body); err != nil {
			return nil, err
		}
	}
	if err := t.store(key, digest, response, body); err != nil {
		return nil, err
	}
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return response, nil
}

// cacheKey returns the request path within the repository, and the digest that a request
// by digest names.
func (t *cachingTransport) cacheKey(request *http.Request) (string, v1.Hash) {
	key := strings.TrimPrefix(request.URL.RequestURI(), "/v2/"+t.base.repository.RepositoryStr()+"/")
	kind, identifier, _ := strings.Cut(key, "/")
	digest, err := v1.NewHash(identifier)
	if err == nil && digest.Algorithm == "sha256" && (kind == "manifests" || kind == "blobs") {
		return key, digest
	}
	return key, v1.Hash{}
}

// lookup returns the cached response, or nil.
func (t *cachingTransport) lookup(request *http.Request, key string, digest v1.Hash) *http.Response {
	if t.cache == nil {
		return nil
	}
	if digest != (v1.Hash{}) {
		body, ok := t.cache.readBlob(digest)
		if !ok {
			return nil
		}
		mediaType, _ := mediaTypeOf(body) // empty for a blob
		return newResponse(request, cachedResponse{Status: http.StatusOK, Type: string(mediaType)}, body)
	}
	if !t.base.registry.Offline {
		return nil
	}
	cached, body, ok := t.cache.loadResponse(t.name + " " + key)
	if !ok {
		return nil
	}
	return newResponse(request, cached, body)
}

// fetch sends the request until a whole body arrives. The body is nil, and that of the
// response unread, for any status but 200 and 404.
func (t *cachingTransport) fetch(request *http.Request) (*http.Response, []byte, error) {
	for attempt := 1; ; attempt++ {
		response, err := t.base.RoundTrip(request)
		if err != nil || response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNotFound {
			return response, nil, err
		}
		body, err := readBody(response.Body)
		response.Body.Close()
		if err == nil {
			return response, body, nil
		}
		if errors.Is(err, ErrMalformed) || attempt == maxAttempts || sleep(request.Context(), backoff(attempt)) != nil {
			return nil, nil, err
		}
	}
}

// readBody reads at most maxResponseBytes. A broken connection is ErrUnavailable.
func readBody(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxResponseBytes+1))
	switch {
	case errors.Is(err, ErrMalformed):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: read response: %w", ErrUnavailable, err)
	case len(body) > maxResponseBytes:
		return nil, errResponseTooLarge
	}
	return body, nil
}

// store verifies the content against the requested digest, and puts it into the cache.
func (t *cachingTransport) store(key string, digest v1.Hash, response *http.Response, body []byte) error {
	got := digestOf(body)
	byDigest := digest != (v1.Hash{})
	if byDigest && response.StatusCode == http.StatusOK && got != digest {
		return fmt.Errorf("%w: got %s, want %s", ErrDigest, got, digest)
	}
	if t.cache == nil || byDigest && response.StatusCode != http.StatusOK {
		return nil
	}
	if err := t.cache.writeChanged(t.cache.blobPath(got), body); err != nil || byDigest {
		return err
	}
	return t.cache.storeResponse(cachedResponse{
		Request: t.name + " " + key,
		Status:  response.StatusCode,
		Type:    response.Header.Get("Content-Type"),
		Digest:  got,
	})
}

// newResponse returns a response with a body from the cache.
func newResponse(request *http.Request, cached cachedResponse, body []byte) *http.Response {
	header := http.Header{"Content-Length": {strconv.Itoa(len(body))}}
	if cached.Type != "" {
		header.Set("Content-Type", cached.Type)
	}
	return &http.Response{
		Status:        http.StatusText(cached.Status),
		StatusCode:    cached.Status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       request,
	}
}
