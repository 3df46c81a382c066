package component

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// memory is the way to small answers of one repository: manifests, configs, signatures.
// What is asked for by digest cannot change, so the cache answers if it can. What else
// was answered (is there a signature?) is noted there, and is the answer offline.
//
// It is a transport so that cosign's questions go through it as ours do.
type memory struct {
	next  *session
	cache *Cache // nil for none
	name  string // of the repository as the user means it: a mirror gives the same answers
}

// RoundTrip implements http.RoundTripper. The error wraps ErrDigest where a registry
// sends other bytes than were asked for.
func (m *memory) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Path == "/v2/" {
		return reply(request, answer{Status: http.StatusOK}, nil), nil // the session logs in by itself
	}
	if request.Method != http.MethodGet {
		return m.next.RoundTrip(request)
	}
	first, hops := origin(request)
	question, digest := m.question(first)
	if hops == 0 {
		if known := m.recall(request, question, digest); known != nil {
			return known, nil
		}
	}
	response, body, err := m.ask(request)
	if err != nil || body == nil {
		return response, err
	}
	if isList(first) && response.StatusCode == http.StatusOK {
		if body, err = m.turnPages(request, response, body); err != nil {
			return nil, err
		}
	}
	if err := m.note(question, digest, response, body); err != nil {
		return nil, err
	}
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return response, nil
}

// question says what a request wants, and the digest it must have; without one it may
// be answered differently each time.
func (m *memory) question(request *http.Request) (string, v1.Hash) {
	rest := strings.TrimPrefix(request.URL.RequestURI(), "/v2/"+m.next.repository.RepositoryStr()+"/")
	kind, identifier, _ := strings.Cut(rest, "/")
	if digest, err := v1.NewHash(identifier); err == nil && digest.Algorithm == "sha256" && (kind == "manifests" || kind == "blobs") {
		return rest, digest
	}
	return rest, v1.Hash{}
}

// recall returns what the cache knows, or nil.
func (m *memory) recall(request *http.Request, question string, digest v1.Hash) *http.Response {
	if m.cache == nil {
		return nil
	}
	if digest != (v1.Hash{}) {
		body, ok := m.cache.read(digest)
		if !ok {
			return nil
		}
		kind, _ := mediaTypeOf(body) // a blob has none
		return reply(request, answer{Status: http.StatusOK, Type: string(kind)}, body)
	}
	if !m.next.registry.Offline {
		return nil
	}
	a, body, ok := m.cache.recall(m.name + " " + question)
	if !ok {
		return nil
	}
	return reply(request, a, body)
}

// ask asks until an answer has come whole. The body is nil where the answer says nothing
// that is worth a note; then it is still to be read.
func (m *memory) ask(request *http.Request) (*http.Response, []byte, error) {
	for attempt := 1; ; attempt++ {
		response, err := m.next.RoundTrip(request)
		if err != nil || response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNotFound {
			return response, nil, err
		}
		body, err := readAnswer(response.Body)
		response.Body.Close()
		if err == nil {
			return response, body, nil
		}
		if errors.Is(err, ErrMalformed) || attempt == attempts || wait(request.Context(), backoff(attempt)) != nil {
			return nil, nil, err
		}
	}
}

// readAnswer reads a small answer; a connection that breaks is ErrUnavailable.
func readAnswer(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxAnswerBytes+1))
	switch {
	case errors.Is(err, ErrMalformed):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: the answer broke off: %w", ErrUnavailable, err)
	case len(body) > maxAnswerBytes:
		return nil, errEndless
	}
	return body, nil
}

// note checks an answer against the digest it must have, and keeps it.
func (m *memory) note(question string, digest v1.Hash, response *http.Response, body []byte) error {
	got := digestOf(body)
	byDigest := digest != (v1.Hash{})
	if byDigest && response.StatusCode == http.StatusOK && got != digest {
		return fmt.Errorf("%w: asked for %s, the registry sends %s", ErrDigest, digest, got)
	}
	if m.cache == nil || byDigest && response.StatusCode != http.StatusOK {
		return nil
	}
	if err := m.cache.keep(m.cache.path(got), body); err != nil || byDigest {
		return err
	}
	return m.cache.note(m.name+" "+question, answer{Status: response.StatusCode, Type: response.Header.Get("Content-Type"), Digest: got})
}

func digestOf(body []byte) v1.Hash {
	sum := sha256.Sum256(body)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}

// reply makes an answer of our own.
func reply(request *http.Request, a answer, body []byte) *http.Response {
	header := http.Header{"Content-Length": {strconv.Itoa(len(body))}}
	if a.Type != "" {
		header.Set("Content-Type", a.Type)
	}
	return &http.Response{
		Status: http.StatusText(a.Status), StatusCode: a.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: request,
	}
}
