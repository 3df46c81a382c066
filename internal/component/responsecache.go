package component

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// cachedResponse is the last response to a request that is not by digest. Its body is a
// blob of the cache.
type cachedResponse struct {
	Request string  `json:"question"` // repository, and path in it: ghcr.io/acme/web manifests/1
	Status  int     `json:"status"`   // 200 or 404
	Type    string  `json:"type"`     // Content-Type
	Digest  v1.Hash `json:"digest"`   // of the body
}

// maxEntryBytes bounds the file of a cachedResponse.
const maxEntryBytes = 64 << 10

func (c *Cache) responsePath(request string) string {
	return filepath.Join(c.dir, "answers", digestOf([]byte(request)).Hex+".json")
}

// storeResponse stores a response without its body.
func (c *Cache) storeResponse(response cachedResponse) error {
	text, err := json.Marshal(response)
	if err != nil {
		return err
	}
	return c.writeChanged(c.responsePath(response.Request), text)
}

// loadResponse returns the last response to a request. A damaged one counts as missing.
func (c *Cache) loadResponse(request string) (cachedResponse, []byte, bool) {
	text, err := readFile(c.responsePath(request), maxEntryBytes)
	if err != nil {
		return cachedResponse{}, nil, false
	}
	response, ok := parseResponse(text)
	if !ok || response.Request != request {
		return cachedResponse{}, nil, false
	}
	body, ok := c.readBlob(response.Digest)
	return response, body, ok
}

func parseResponse(text []byte) (cachedResponse, bool) {
	var r cachedResponse
	if err := json.Unmarshal(text, &r); err != nil {
		return r, false
	}
	return r, r.Digest.Algorithm == "sha256" && (r.Status == http.StatusOK || r.Status == http.StatusNotFound)
}

// readBlob returns a blob of at most maxResponseBytes, if it matches its digest.
func (c *Cache) readBlob(digest v1.Hash) ([]byte, bool) {
	body, err := readFile(c.blobPath(digest), maxResponseBytes)
	return body, err == nil && digestOf(body) == digest
}

// writeChanged writes a file unless it has this content.
func (c *Cache) writeChanged(path string, content []byte) error {
	if old, err := readFile(path, int64(len(content))+1); err == nil && bytes.Equal(old, content) {
		return nil
	}
	return c.writeFile(path, content)
}

// readFile reads at most limit bytes of a file.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}
